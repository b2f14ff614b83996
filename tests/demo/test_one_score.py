"""One film, one score: the page, its API, MCP, the command line and Python agree to 1e-6 of the score."""

from __future__ import annotations

import base64
import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hub
from simsid import score
from simsid.data.images import read_image
from simsid.scoring import score_film
from tests.demo.conftest import Page
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


def by_python(files: list[Path], model: str) -> list[float]:
    detector = hub.load(model)
    return [float(score_film(detector, read_image(file)).score) for file in files]


def by_command_line(files: list[Path], model: str) -> list[float]:
    table = files[0].parent / "scores.csv"
    folder = hub.BUNDLED_FOLDER / model.partition(":")[2]
    assert score.main([*map(str, files), "--model", str(folder), "--out", str(table)]) == 0
    return [float(row["score"]) for row in csv.DictReader(table.open())]


def by_api(page: Page, files: list[Path], model: str) -> list[float]:
    client = gradio_client.Client(page.url, verbose=False)
    films = [gradio_client.handle_file(str(file)) for file in files]
    singly = [client.predict(film, model, api_name="/score")["score"] for film in films]
    batch = client.predict(films, model, api_name="/score_batch")
    assert singly == [answer["score"] for answer in batch]
    return singly


def by_mcp(page: Page, files: list[Path], model: str) -> list[float]:
    films = [base64.b64encode(file.read_bytes()).decode() for file in files]
    return [answer_of(page, "score", file=film, model=model)["score"] for film in films]


def by_page(tab, files: list[Path], model: str) -> list[float]:
    choose_model(tab, model.partition(":")[2])
    drop(tab, *((file.name, file.read_bytes()) for file in files))
    tab.wait_for_selector("#links a")
    with tab.expect_download() as caught:
        tab.locator("#links a").first.click()
    return [float(row["score"]) for row in csv.DictReader(Path(caught.value.path()).open())]


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
    assert len(set(expected)) == len(films)
    np.testing.assert_allclose(by_command_line(films, model), expected, rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(by_api(page, films, model), expected, rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(by_mcp(page, films, model), expected, rtol=EXACT, atol=EXACT)


@BOTH
def test_a_visitor_gets_the_score_of_python(tab, films: list[Path], model: str) -> None:
    expected = by_python(films, model)
    np.testing.assert_allclose(by_page(tab, films, model), expected, rtol=EXACT, atol=EXACT)
