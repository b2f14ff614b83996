from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable

import pytest
from PIL import Image

from simsid import score
from simsid.cli import run_command

FILMS = 24


@pytest.fixture
def films(data, tmp_path):
    """00.png to 23.png."""
    folder = tmp_path / "films"
    folder.mkdir()
    for index, image in enumerate(data.test.images[:FILMS]):
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    return folder


def run(*arguments: object) -> int:
    return run_command(lambda: score.main([str(a) for a in arguments]))


def child(*arguments: object, most_bytes: int | None = None) -> multiprocessing.Process:
    """A process that scores; with ``most_bytes`` no file of its can be longer."""

    def work() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        raise SystemExit(run(*arguments))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


Child = Callable[..., multiprocessing.Process]
