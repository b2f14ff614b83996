"""One decoding worker for the tests that only read with it, and a quiet pydicom."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from simsid.data.decode.worker import DecodingWorker


@pytest.fixture(scope="session", autouse=True)
def _no_words_about_values() -> None:
    """pydicom speaks of every odd value, and these tests are full of them."""
    logging.getLogger("pydicom").setLevel(logging.ERROR)


@pytest.fixture(scope="session")
def worker() -> Iterator[DecodingWorker]:
    with DecodingWorker() as running:
        yield running
