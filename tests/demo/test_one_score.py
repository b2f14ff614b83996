"""One film, one score, in the same words: page, API, MCP, command line and Python agree to 1e-6."""

from __future__ import annotations

import base64
import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hub
from simsid import score
from simsid.data.images import read_image
from simsid.scoring import score_film
from tests.demo.conftest import GENTLE, Page
from tests.demo.test_browser import choose_model, drop
from tests.demo.test_mcp import answer_of

gradio_client = pytest.importorskip("gradio_client")
EXACT = 1e-6


def chest(seed: int) -> np.ndarray:
    """A drawn chest, (640, 720) uint16: dark lungs beside a bright middle, ribs, some noise."""
    y, x = np.mgrid[-1:1:640j, -1:1:720j]

    def blot(col: float, row: float, width: float, height: float) -> np.ndarray:
        return np.exp(-((((x - col) / width) ** 2 + ((y - row) / height) ** 2) ** 2))

    film = 0.15 + 0.55 * blot(0, 0.3, 0.95, 1.3)
    film -= 0.38 * (blot(-0.42, -0.05, 0.28, 0.6) + blot(0.42, -0.05, 0.28, 0.6))
    film += 0.3 * blot(0, 0, 0.1, 1.2) + 0.18 * blot(0.15, 0.3, 0.25, 0.3)
    film += 0.25 * blot(0, 0.95, 0.9, 0.35)
    for rib in range(8):
        bow = np.exp(-(((y + 0.7 - 0.2 * rib - 0.35 * x**2) / 0.03) ** 2))
        film += 0.05 * bow * (np.abs(x) < 0.75)
    film += np.random.default_rng(seed).normal(0, 0.01, film.shape)
    return np.round(np.clip(film, 0, 1) * 65535).astype(np.uint16)


def written(folder: Path, images: dict[str, np.ndarray]) -> list[Path]:
    files = [folder / f"{number}-{kind}.png" for number, kind in enumerate(images)]
    for file, image in zip(files, images.values(), strict=True):
        Image.fromarray(image).save(file)
    return files


Said = list[tuple[float, str, str]]  # score, state, and where no place explains it


def said(answers: Iterable[Mapping[str, Any]]) -> Said:
    return [(float(each["score"]), each["state"], each["diffuse"]) for each in answers]


def by_python(files: list[Path], model: str) -> Said:
    detector = hub.load(model)
    films = (score_film(detector, read_image(file)) for file in files)
    return [(film.score, film.state, film.diffuse) for film in films]


def by_command_line(files: list[Path], model: str) -> Said:
    table = files[0].parent / "scores.csv"
    folder = hub.BUNDLED_FOLDER / model.partition(":")[2]
    assert score.main([*map(str, files), "--model", str(folder), "--out", str(table)]) == 0
    return said(csv.DictReader(table.open()))


def by_api(page: Page, files: list[Path], model: str) -> Said:
    client = gradio_client.Client(page.url, **GENTLE)
    films = [gradio_client.handle_file(str(file)) for file in files]
    singly = said(client.predict(film, model, api_name="/score") for film in films)
    assert singly == said(client.predict(films, model, api_name="/score_batch"))
    return singly


def by_mcp(page: Page, files: list[Path], model: str) -> Said:
    films = [base64.b64encode(file.read_bytes()).decode() for file in files]
    return said(answer_of(page, "score", file=film, model=model) for film in films)


def by_page(tab, files: list[Path], model: str) -> Said:
    choose_model(tab, model.partition(":")[2])
    drop(tab, *((file.name, file.read_bytes()) for file in files))
    tab.wait_for_selector("#links a")
    with tab.expect_download() as caught:
        tab.locator("#links a").first.click()
    with open(caught.value.path(), encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    assert [row["name"] for row in told] == [file.name for file in files]
    return said(told)


def assert_agrees(told: Said, expected: Said) -> None:
    scores = [[film[0] for film in films] for films in (told, expected)]
    np.testing.assert_allclose(*scores, rtol=EXACT, atol=EXACT)
    assert [film[1:] for film in told] == [film[1:] for film in expected]


@pytest.fixture
def films(request: pytest.FixtureRequest, digits: dict, tmp_path: Path) -> list[Path]:
    drawn = (
        digits if request.param == "digits" else {f"chest{seed}": chest(seed) for seed in (0, 1)}
    )
    return written(tmp_path, drawn)


BOTH = pytest.mark.parametrize(
    ("films", "model"),
    [("digits", "bundled:digitanatomy"), ("sixteen_bits", "bundled:zhanglab")],
    indirect=["films"],
    ids=["digits", "sixteen_bits"],
)


@BOTH
def test_programs_get_the_score_of_python(page: Page, films: list[Path], model: str) -> None:
    expected = by_python(films, model)
    assert len({score for score, _, _ in expected}) == len(films)
    assert_agrees(by_command_line(films, model), expected)
    assert_agrees(by_api(page, films, model), expected)
    assert_agrees(by_mcp(page, films, model), expected)


@pytest.mark.slow
@BOTH
def test_a_visitor_gets_the_score_of_python(tab, films: list[Path], model: str) -> None:
    assert_agrees(by_page(tab, films, model), by_python(films, model))
