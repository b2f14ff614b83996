"""A page or its decoder killed in mid-request: nothing is left behind, and the next film works."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from demo.bench.films import chest_files
from demo.bench.visitor import Visitor
from tests.demo.conftest import png, start_page, stop_page, uploads_in
from tests.demo.test_api import dicom
from tests.demo.test_doors import ask
from tests.demo.warm_start import WarmStarter
from tests.waiting import GENEROUS, wait_until

NAME = "ZZDOEJANEZZ"
MODEL = "bundled:digitanatomy"


def jpeg(image: np.ndarray, text: str) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = exif[0x9286] = text
    Image.fromarray(image).save(file, "JPEG", exif=exif)
    return file.getvalue()


def ask_for(page, paths: list[str]) -> None:
    body = json.dumps({"data": [[{"path": path} for path in paths], MODEL, ""]}).encode()
    headers = {"Content-Type": "application/json"}
    assert ask(f"{page.url}gradio_api/call/score_batch", headers, body)[0] == 200


@pytest.fixture(scope="module")
def survived(starter: WarmStarter, tmp_path_factory: pytest.TempPathFactory, digits):
    """A page that starts where another was killed with patients' films in its hands."""
    folder = tmp_path_factory.mktemp("crash")
    killed = start_page(folder, starter=starter)
    visitor = Visitor(killed.url)
    contents = [png(digits["normal"], NAME), dicom(digits["normal"], NAME),
                jpeg(digits["novel"], NAME)]  # fmt: skip
    paths = [visitor.upload(contents[n % 3], f"{NAME}-{n}.dcm") for n in range(60)]
    visitor.close()
    ask_for(killed, paths)
    wait_until(lambda: len(uploads_in(killed.temp)) < 60)  # scoring begins
    children = psutil.Process(killed.process.pid).children(recursive=True)
    killed.process.kill()
    killed.process.wait()
    left = uploads_in(killed.temp)
    page = start_page(folder, starter=starter)
    yield page, left, children
    stop_page(page)


@pytest.mark.slow
def test_a_start_removes_the_films_of_a_killed_page(survived) -> None:
    page, left, children = survived
    assert left, "nothing was left to remove"
    assert not any(path.exists() for path in left) and not uploads_in(page.temp)
    assert not [child for child in children if child.is_running()]
    for path in page.temp.rglob("*"):
        assert NAME not in path.name
        assert not path.is_file() or NAME.encode() not in path.read_bytes()
    assert NAME.encode() not in page.log.read_bytes()


@pytest.mark.slow
def test_a_killed_decoder_costs_one_film_at_most(survived, digits) -> None:
    page, *_ = survived
    visitor, film = Visitor(page.url), chest_files()["16-bit PNG"]
    visitor.score(visitor.upload(png(digits["novel"], NAME), "a.png"), MODEL)  # a decoder lives
    decoders = psutil.Process(page.process.pid).children()
    assert len(decoders) == 1
    decoders[0].suspend()  # else it may be done before it is killed
    path, answers = visitor.upload(film, f"{NAME}.png"), []
    scoring = threading.Thread(target=lambda: answers.append(visitor.score(path, MODEL)))
    scoring.start()
    wait_until(lambda: not Path(path).exists())  # read, and on its way to the decoder
    decoders[0].kill()
    scoring.join(GENEROUS)
    assert answers and "its decoder fail" in str(answers[0]) and "Traceback" not in str(answers[0])
    good = visitor.score(visitor.upload(png(digits["novel"], NAME), "a.png"), MODEL)
    assert "map-layer" in str(good) and NAME not in str(good) + str(answers)
    visitor.close()
    assert not uploads_in(page.temp)


def test_an_upload_that_breaks_off_leaves_nothing(page) -> None:
    wait_until(lambda: not uploads_in(page.temp))
    visitor = Visitor(page.url)
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(
        10**6
    )
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: {visitor.host}\r\nContent-Length: {10**7}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    visitor._connection.sock.sendall(head.encode() + body)
    wait_until(lambda: uploads_in(page.temp))
    visitor._connection.sock.close()
    wait_until(lambda: not uploads_in(page.temp))
