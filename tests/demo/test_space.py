"""The page on Hugging Face Spaces: behind its proxy, on its GPUs, from the files of a deployment."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import time
import types
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from demo import accelerator
from demo.doors import Doorkeeper, open_doors
from demo.inference import Inference
from hub.space_files import ROOT, collect
from simsid.errors import SimsidError
from tests.demo.conftest import end, free_port
from tests.demo.test_doors import ask

NAME = "somebody-simsid.hf.space"


# --- ZeroGPU --------------------------------------------------------------------------------------


class FakeSpaces(types.ModuleType):
    """Runs each call in a fork with pickled arguments and results, as the package does."""

    def __init__(self) -> None:
        super().__init__("spaces")
        self.durations: list[int] = []
        self.calls = 0
        self.refusal: Exception | None = None

    def GPU(self, task, *, duration):  # noqa: N802 - the package's name
        self.durations.append(duration)

        def lent(*arguments):
            self.calls += 1
            if self.refusal is not None:
                raise self.refusal
            context = multiprocessing.get_context("fork")
            mine, theirs = context.Pipe()

            def run() -> None:
                theirs.send_bytes(pickle.dumps(task(*pickle.loads(pickle.dumps(arguments)))))

            process = context.Process(target=run, daemon=True)
            process.start()
            try:
                assert mine.poll(60), "the fork hangs"
                return pickle.loads(mine.recv_bytes())
            finally:
                process.kill()
                process.join()

        return lent


def served(function: Callable, *arguments: object) -> Any:
    """What it returns in a thread, as requests are served; the main one builds the page."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> FakeSpaces:
    fake = FakeSpaces()
    monkeypatch.setitem(sys.modules, "spaces", fake)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    return fake


def test_without_zero_gpu_a_function_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    monkeypatch.setitem(sys.modules, "spaces", FakeSpaces())
    assert accelerator.on_gpu(len, 15) is len
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", None)  # importing it fails
    assert accelerator.on_gpu(len, 15) is len


def test_films_are_scored_in_the_fork_that_has_the_gpu_and_scores_agree(
    spaces: FakeSpaces, digits: dict[str, np.ndarray]
) -> None:
    inference = Inference()
    try:
        assert spaces.durations == [15, 15, 15]
        for kind in ("normal", "novel"):
            film = (digits[kind], "bundled:digitanatomy")
            there = served(inference.score_array, *film).film
            here = inference.score_array(*film).film
            assert there.score == pytest.approx(here.score, abs=1e-5)
            assert there.p_value == here.p_value
            assert there.state == here.state
            # One thread there, several here: sums are rounded in another order.
            np.testing.assert_allclose(there.anomaly_map, here.anomaly_map, atol=1e-5)
        where = (there.image, "bundled:digitanatomy", 0, 1)
        why = served(inference.explain, *where)
        np.testing.assert_array_equal(why.slots, inference.explain(*where).slots)
        assert spaces.calls == 3
    finally:
        inference.close()


def test_where_no_gpu_is_lent_the_cpu_answers(
    spaces: FakeSpaces, digits: dict[str, np.ndarray]
) -> None:
    spaces.refusal = RuntimeError("quota exceeded")
    inference = Inference()
    try:
        film = (digits["novel"], "bundled:digitanatomy")
        assert served(inference.score_array, *film).film.state == "unusual" and spaces.calls == 1
    finally:
        inference.close()


def test_an_error_in_the_fork_is_met_again_by_the_caller(spaces: FakeSpaces) -> None:
    def fails(value: int) -> int:
        raise SimsidError(f"no region {value}")

    with pytest.raises(SimsidError, match="no region 3"):
        served(accelerator.on_gpu(fails, 5), 3)
    assert spaces.calls == 1 and spaces.durations == [5]


def test_nothing_is_borrowed_while_the_page_is_built(spaces: FakeSpaces) -> None:
    assert accelerator.on_gpu(len, 5)("film") == 4 and spaces.calls == 0


def test_only_a_fork_believes_that_there_is_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert accelerator.device() == "cuda"
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert accelerator.device() == "cpu"
    monkeypatch.setattr(accelerator, "_MAIN_PROCESS", -1)
    assert accelerator.device() == "cuda"


@pytest.fixture
def tf32() -> Iterator[None]:
    """TF32 allowed, as PyTorch allows it for convolutions."""
    settings = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [setting.allow_tf32 for setting in settings]
    for setting in settings:
        setting.allow_tf32 = True
    yield
    for setting, was in zip(settings, before, strict=True):
        setting.allow_tf32 = was


@pytest.mark.usefixtures("tf32")
def test_on_a_gpu_of_our_own_models_move_once_and_tf32_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accelerator, "device", lambda: "cuda")
    moves = []

    class Model:
        device = torch.device("cpu")

        def to(self, where: str) -> None:
            moves.append(where)
            self.device = torch.device(where)

    model = Model()
    assert accelerator.place(model) is model and accelerator.place(model) is model
    assert moves == ["cuda"]
    assert not (torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32)


# --- behind the proxy -----------------------------------------------------------------------------


def test_a_space_answers_to_each_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/simsid")
    monkeypatch.setenv("SPACE_HOST", f"{NAME},films.example")
    doors = open_doors(None, [], None, no_auth=False)
    assert doors.allows_host(NAME) and doors.allows_host("films.example")
    assert doors.allows_host("10.20.30.40:7860") and doors.allows_host("localhost:7860")
    assert not doors.allows_host(f"evil.{NAME}") and not doors.allows_host(f"{NAME}.evil.example")
    keeper = Doorkeeper(None, doors)
    assert "frame-ancestors https://huggingface.co" in keeper.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in keeper.headers


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(address, folder) of a page that was started as a Space starts it, from its files alone."""
    folder, port = tmp_path_factory.mktemp("space"), free_port()
    for item in collect([]).items:
        (folder / item.name).parent.mkdir(parents=True, exist_ok=True)
        content = item.content
        (folder / item.name).write_bytes(
            content if isinstance(content, bytes) else content.read_bytes()
        )
    environment = os.environ | {
        "SYSTEM": "spaces",
        "SPACE_ID": "somebody/simsid",
        "SPACE_HOST": NAME,
        "GRADIO_SERVER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": "",
        "TMPDIR": str(tmp_path_factory.mktemp("temp")),
    }
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(900):
            assert process.poll() is None, (folder / "log.txt").read_text()
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield url, folder
    finally:
        end(process)


@pytest.mark.slow
def test_a_deployed_copy_starts_and_listens_to_all(deployed: tuple[str, Path]) -> None:
    url, folder = deployed
    status, text, headers = ask(url)
    assert status == 200 and "gradio" in text
    assert "frame-ancestors https://huggingface.co" in headers["Content-Security-Policy"]
    assert str(ROOT) not in (folder / "log.txt").read_text()
    port = int(url.rstrip("/").rpartition(":")[2])
    with socket.socket() as other:  # taken on every address, not on loopback alone
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", port)) == 0


@pytest.mark.slow
def test_a_visitor_comes_in_through_the_proxy(deployed: tuple[str, Path]) -> None:
    url, _ = deployed
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}
    assert ask(url, {"Host": NAME} | forwarded | framed)[0] == 200
    # Addresses must be https there, or the browser refuses to fetch them.
    text = ask(f"{url}config", {"Host": NAME} | forwarded)[1]
    assert f"https://{NAME}" in text and f"http://{NAME}" not in text
    for way in ({"Host": NAME}, {"X-Forwarded-Host": NAME}):
        headers = way | forwarded | {"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"}
        headers |= {"Content-Type": "application/json"}
        assert ask(f"{url}gradio_api/queue/join", headers, b"{}")[0] == 422, way
        headers["Origin"] = "https://evil.example"
        assert ask(f"{url}gradio_api/queue/join", headers, b"{}")[0] == 403, way
    assert ask(url, {"Host": "evil.example"} | forwarded)[0] == 403
    assert ask(url, {"Host": NAME, "X-Forwarded-Host": "evil.example"})[0] == 403


@pytest.mark.slow
def test_health_checks_come_by_address(deployed: tuple[str, Path]) -> None:
    url, _ = deployed
    for host in ("10.20.30.40:7860", "localhost:7860", "0.0.0.0:7860"):
        assert ask(url, {"Host": host})[0] == 200, host
