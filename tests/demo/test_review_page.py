"""The face of a review: look, mark by button or key, go back, go on later."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import hub
from demo.doors import Doors
from demo.launch import listen
from demo.review_page import Place, marked, screen
from simsid.errors import SimsidError
from simsid.map_files import MapFiles
from simsid.marks import Marks
from simsid.review import Review
from simsid.score import main as score
from tests.demo.axe import findings, too_wide
from tests.demo.conftest import end, free_port, wait_for_page
from tests.demo.warm_start import WarmStarter


@pytest.fixture(scope="module")
def review(
    starter: WarmStarter, tmp_path_factory: pytest.TempPathFactory, digits: dict
) -> Iterator[tuple[str, Path]]:
    """Address of a review of five films with maps, and where its marks lie; all paths are long."""
    folder = tmp_path_factory.mktemp("review")
    films, table = "films_" + "x" * 80, "scores_" + "x" * 80
    (folder / films).mkdir()
    for kind, image in digits.items():
        Image.fromarray(image).save(folder / films / f"{kind}.png")
    model = str(hub.BUNDLED_FOLDER / "digitanatomy")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert score([films, "--model", model, "--out", f"{table}.csv", "--maps", "maps"]) == 0
    port, log = free_port(), folder / "log.txt"
    command = ["-m", "simsid.review", f"{table}.csv", "--maps", "maps", "--port", str(port)]
    process = starter.start(command, os.environ | {"TMPDIR": str(folder)}, log, folder)
    url = f"http://127.0.0.1:{port}/"
    wait_for_page(url, process, log)
    yield url, folder / f"{table}.marks.csv"
    end(process)
    assert "5 films marked" in log.read_text()


def test_a_blind_page_shows_the_film_alone_until_it_is_marked(tmp_path: Path) -> None:
    known = {"score": "7.25", "threshold": "2.0", "p_value": "0.0123", "diffuse": "It is spread."}
    rows = [known | {"file": str(tmp_path / f"{name}.png"), "state": "unusual"} for name in "xyz"]
    maps = MapFiles(tmp_path / "maps", tmp_path, False)
    maps.folder.mkdir()
    review = Review(rows, Marks(tmp_path / "m.csv"), "blind")
    review.rows.sort(key=lambda row: row["file"])
    for row in rows[:2]:
        Image.fromarray(np.eye(64, dtype=np.uint8) * 200).save(row["file"])
        drawn = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
        drawn.save(maps.picture_of(Path(row["file"])))
    for at, row in enumerate(review.rows):
        film, picture, told, summary = screen(review, at, maps)
        assert (film is None) == row["file"].endswith("z.png") and picture is None
        assert f"Film {at + 1} of 3" in told and "0 of 3 films marked" in summary
        for leak in ("unusual", "7.25", "2.0", "0.012", "spread", Path(row["file"]).name):
            assert leak not in told + summary
    review.put(review.rows[0], "normal")
    film, picture, told, summary = screen(review, 0, maps)
    assert (
        picture is not None
        and "unusual (marked normal)" in told
        and "Score 7.25" in told
        and 'class="verdict un' in told
    )
    assert "above the threshold" not in summary and "1 of 3 films marked" in summary


def blind_review(folder: Path, films: int = 3) -> Review:
    """A blind review of films that need not exist, in the order of their names."""
    known = {"score": "7.25", "threshold": "2.0", "p_value": "0.01", "diffuse": ""}
    rows = [known | {"file": f"{n}.png", "state": "unusual"} for n in range(films)]
    review = Review(rows, Marks(folder / "m.csv"), "blind")
    review.rows.sort(key=lambda row: row["file"])
    return review


def test_a_film_that_is_passed_over_comes_again_until_all_are_marked(tmp_path: Path) -> None:
    review = blind_review(tmp_path)
    assert [review.next_unmarked(after) for after in (-1, 0, 1, 2)] == [0, 1, 2, 0]
    assert marked(review, Place(1), "normal") == 2 and marked(review, Place(2), "abnormal") == 0
    assert review.next_unmarked(0) == review.next_unmarked(1) == 0  # the only one that is left
    assert marked(review, Place(0), "normal") == 3 == review.next_unmarked(-1)


def test_after_the_last_blind_film_a_key_changes_no_mark(tmp_path: Path) -> None:
    review = blind_review(tmp_path)
    for at in range(3):
        marked(review, Place(at), "normal")
    film, picture, told, summary = screen(review, 3, None)
    assert film is None and picture is None and "All 3 films are marked." in told
    assert "unusual" not in told and "3 of them were marked blind" in summary
    before = review.marks.read()
    assert marked(review, Place(3), "abnormal") == 3  # at the end
    assert marked(review, Place(2), "abnormal") == 3  # the last film's key, pressed twice
    assert review.marks.read() == before
    marked(review, Place(2, back=True), "abnormal")  # who goes back may
    changed = review.marks.read()["2.png"]
    assert (changed.mark, changed.order) == ("abnormal", "random")


def wait_for_pictures(visit) -> None:
    """Until the film and its map are there, with pixels."""
    visit.wait_for_function(
        "() => document.images.length === 2 && [...document.images].every(i => i.naturalWidth > 1)"
    )


def test_a_port_that_is_in_use_is_said_to_be_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = (
            f"port {port} is in use, perhaps by a page that already runs there: name another with"
        )
        with gr.Blocks() as page, pytest.raises(SimsidError, match=told):
            listen(page, Doors(), port, "", "")
    with gr.Blocks() as page, pytest.raises(SimsidError, match="port 99999 cannot be used: name"):
        listen(page, Doors(), 99999, "", "")


@pytest.mark.slow
def test_films_are_marked_by_key_and_button_and_a_mark_can_be_changed(visits, review) -> None:
    url, path = review
    visit = visits.open(url, height=900)
    title = visit.locator("#review-told h1")
    title.get_by_text("Film 1 of 5").wait_for()
    wait_for_pictures(visit)
    if os.environ.get("SCREENSHOT"):
        visit.screenshot(path=os.environ["SCREENSHOT"], full_page=True)
    first = visit.locator("#review-told .hint").inner_text()
    visit.keyboard.press("n")
    title.get_by_text("Film 2 of 5").wait_for()
    assert Marks(path).read()[first].mark == "normal"
    visit.locator("#review-abnormal").click()
    title.get_by_text("Film 3 of 5").wait_for()
    visit.keyboard.press("ArrowLeft")
    title.get_by_text(re.compile(r"Film 2 of 5.*\(marked abnormal\)")).wait_for()
    visit.keyboard.press("ArrowLeft")
    title.get_by_text(re.compile(r"Film 1 of 5.*\(marked normal\)")).wait_for()
    visit.keyboard.press("a")
    title.get_by_text("Film 3 of 5").wait_for()  # the next one without a mark
    assert [mark.mark for mark in Marks(path).read().values()] == ["abnormal", "abnormal"]
    visit.get_by_text("2 of 5 films marked: 0 normal, 2 abnormal").wait_for()
    visit.keyboard.press("ArrowRight")
    title.get_by_text("Film 4 of 5").wait_for()
    visit.reload()
    title.get_by_text("Film 3 of 5").wait_for()  # goes on where it stopped
    wait_for_pictures(visit)
    for key, then in (("ArrowRight", 4), ("n", 5), ("n", 3)):  # passed over, it comes again
        visit.keyboard.press(key)
        title.get_by_text(f"Film {then} of 5").wait_for()
    visit.keyboard.press("n")
    title.get_by_text("All 5 films are marked.").wait_for()
    visit.get_by_text("AUROC: too few marks, 3 normal and 2 abnormal films").wait_for()
    before = path.read_bytes()
    for key in "na":
        visit.keyboard.press(key)
        time.sleep(0.5)
    assert path.read_bytes() == before
    assert not any(image.is_visible() for image in visit.get_by_role("img").all())
    visit.keyboard.press("ArrowLeft")
    title.get_by_text(re.compile(r"Film 5 of 5.*\(marked normal\)")).wait_for()
    wait_for_pictures(visit)
    if os.environ.get("SCREENSHOT"):
        visit.screenshot(path=os.environ["SCREENSHOT"] + ".2.png", full_page=True)
    assert visits.errors == []


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(visits, review, theme, width) -> None:
    visit = visits.open(f"{review[0]}?__theme={theme}", width=width, height=900)
    visit.locator("#review-told h1").wait_for()
    if "marked" in visit.locator("#review-told h1").inner_text():  # by the test before
        visit.keyboard.press("ArrowLeft")
    wait_for_pictures(visit)
    if width < 600:  # one below the other, each as wide as the other
        film, drawn = (visit.locator(f"#review-{name}").bounding_box() for name in ("film", "map"))
        assert drawn["y"] >= film["y"] + film["height"] and film["width"] > 250 < drawn["width"]
        assert film["height"] > 250 < drawn["height"]
    assert findings(visit) == [] and too_wide(visit) <= 0
