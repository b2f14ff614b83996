# The page, for a hospital's own network: docs/page.md, "In a container".
FROM python:3.12-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1

WORKDIR /kit
# Where wheels of PyTorch without a GPU's gigabytes lie; the usual ones if it is left out.
ARG PIP_EXTRA_INDEX_URL
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY pyproject.toml README.md LICENSE app.py ./
COPY docs/benchmark docs/benchmark
COPY synth synth
COPY simsid simsid
COPY hub hub
COPY demo demo
RUN pip install --no-cache-dir --no-deps . \
    && useradd --uid 10001 --no-create-home simsid

# Nothing is fetched, and the one place that can be written is /tmp: memory, by compose.yaml.
ENV HF_HUB_OFFLINE=1 \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/', timeout=8)"]
ENTRYPOINT ["simsid", "page", "--host", "0.0.0.0", "--port", "7860"]
