"""The named endpoints, through gradio_client; and what is left of a patient's name: nothing."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

import hub
from demo.phantoms import phantoms
from demo.privacy import MAX_FILES
from simsid.scoring import score_film
from tests.demo.conftest import GENTLE, ROOT, Page, png, uploads_in

gradio_client = pytest.importorskip("gradio_client")
NAME = "ZZDOEJANEZZ"


@pytest.fixture(scope="module")
def client(page: Page):
    return gradio_client.Client(page.url, **GENTLE)


def as_file(folder: Path, name: str, content: bytes) -> dict:
    path = folder / name
    path.write_bytes(content)
    return gradio_client.handle_file(str(path))


def dicom(image: np.ndarray, name: str) -> bytes:
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    film.SOPClassUID, film.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    film.PatientName = film.PatientID = name
    film.BurnedInAnnotation = "NO"
    film.Rows, film.Columns = image.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated = film.BitsStored = 8
    film.HighBit, film.PixelRepresentation = 7, 0
    film.PixelData = image.tobytes()
    file = io.BytesIO()
    film.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_score_equals_python(client, digits: dict, tmp_path: Path) -> None:
    detector = hub.load("bundled:digitanatomy")
    for kind, image in digits.items():
        answer = client.predict(as_file(tmp_path, f"{kind}.png", png(image)), api_name="/score")
        assert answer["status"] == "ok"
        assert abs(answer["score"] - score_film(detector, image).score) < 1e-6
        with Image.open(io.BytesIO(base64.b64decode(answer["map_png"]))) as picture:
            assert picture.size == (96, 96)


def test_a_batch_answers_in_order_and_refuses_one_by_one(client, digits, tmp_path: Path) -> None:
    files = [
        as_file(tmp_path, "a.png", png(digits["novel"])),
        as_file(tmp_path, "b.png", b"not an image"),
        as_file(tmp_path, "c.png", png(digits["normal"])),
    ]
    answers = client.predict(files, api_name="/score_batch")
    assert [answer["status"] for answer in answers] == ["ok", "not_an_image", "ok"]
    assert [answer["verdict"] for answer in answers] == ["abnormal", None, "normal"]
    assert [answer["state"] for answer in answers] == ["unusual", None, "nothing unusual found"]


def test_too_many_films_are_refused_and_freed_at_once(client, page: Page, digits, tmp_path) -> None:
    before = uploads_in(page.temp)  # of other tests of this page
    films = [as_file(tmp_path, f"{n}.png", png(digits["normal"])) for n in range(MAX_FILES + 1)]
    with pytest.raises(Exception, match="at most 64"):
        client.predict(films, api_name="/score_batch")
    assert uploads_in(page.temp) <= before


def test_generate_gives_the_pixels_of_synth(client, digits: dict) -> None:
    answer = client.predict("novel", 0.0, 0, 1, "123456789", api_name="/generate")
    with Image.open(io.BytesIO(base64.b64decode(answer["image_png"]))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), digits["novel"])
    assert answer["changed"]


def test_explain_shows_slots_and_weights(client, digits: dict, tmp_path: Path) -> None:
    file = as_file(tmp_path, "a.png", png(digits["novel"]))
    answer = client.predict(file, 0, 1, api_name="/explain")
    assert len(answer["slots"]) == len(answer["weights"]) == len(answer["slot_pngs"]) > 0
    assert sum(answer["weights"]) <= 1.0001
    assert answer["score_parts"] == {"feature_distance": 1.0} and answer["rebuilt_has_a_share"]
    assert "rebuilds the region from the normal patterns" in answer["score_from"]


def test_explain_says_where_a_network_drives_the_score_and_slots_only_illustrate(
    client, tmp_path: Path
) -> None:
    film = next(iter(phantoms().values()))
    answer = client.predict(
        as_file(tmp_path, "c.png", png(film)), 0, 1, "bundled:chest", api_name="/explain"
    )
    assert answer["status"] == "ok" and len(answer["slots"]) > 0
    assert answer["score_parts"] == {"lesion": 1.0} and answer["rebuilt_has_a_share"] is False
    assert "a network that learned to find lesions" in answer["score_from"]
    assert "no share in the score" in answer["score_from"]


def test_without_a_model_the_film_chooses_it_as_on_the_page(client, digits, tmp_path) -> None:
    film, digit = png(next(iter(phantoms().values()))), png(digits["novel"])
    chest, digitanatomy = "bundled:chest", "bundled:digitanatomy"
    for content, model in ((film, chest), (digit, digitanatomy)):
        file = as_file(tmp_path, "a.png", content)
        answer = client.predict(file, api_name="/score")
        named = client.predict(file, model, api_name="/score")
        assert answer["status"] == "ok" and answer["model"] == model
        assert abs(answer.pop("score") - named.pop("score")) < 1e-6
        for said in ("state", "basis", "population", "message"):
            assert answer[said] == named[said], said
    why = client.predict(as_file(tmp_path, "c.png", film), 0, 1, api_name="/explain")
    assert why["model"] == chest
    batch = [as_file(tmp_path, f"{n}.png", each) for n, each in enumerate([film, digit, film])]
    answers = client.predict(batch, api_name="/score_batch")
    assert [answer["model"] for answer in answers] == [chest] * 3
    forced = client.predict(as_file(tmp_path, "d.png", film), digitanatomy, api_name="/score")
    assert forced["model"] == digitanatomy  # as it was asked


def test_a_region_that_is_not_there_is_answered_with_the_range(client, digits, tmp_path) -> None:
    file = as_file(tmp_path, "a.png", png(digits["novel"]))
    for row, col in ((3, 0), (0, -1)):  # of 3 x 3 digits
        with pytest.raises(
            Exception, match="row must be 0 to 2 and col 0 to 2: regions count from 0"
        ):
            client.predict(file, row, col, "bundled:digitanatomy", api_name="/explain")
    answer = client.predict(file, 2, 2, "bundled:digitanatomy", api_name="/explain")
    assert answer["status"] == "ok"


def test_bad_requests_get_a_sentence_and_no_path(client, page: Page, digits, tmp_path) -> None:
    file = as_file(tmp_path, "a.png", png(digits["novel"]))
    bad = [
        {"args": (file, "../../etc"), "api_name": "/score"},
        {"args": (file, 7, 7), "api_name": "/explain"},
        {"args": ("nonsense",), "api_name": "/generate"},
        {"args": ("novel", 0.0, -4), "api_name": "/generate"},
    ]
    for request in bad:
        with pytest.raises(Exception) as caught:
            client.predict(*request["args"], api_name=request["api_name"])
        assert "Traceback" not in str(caught.value) and str(ROOT) not in str(caught.value)
    answer = client.predict({"path": "/etc/passwd"}, api_name="/score")
    assert answer["status"] == "missing" and "root" not in json.dumps(answer)


def test_a_patients_name_is_found_nowhere(client, page: Page, digits, tmp_path: Path) -> None:
    contents = {
        f"{NAME}.png": png(digits["normal"], NAME),
        f"{NAME}.dcm": dicom(digits["normal"], NAME),
        f"{NAME}-broken.dcm": dicom(digits["normal"], NAME)[:-3000],
        f"{NAME}": NAME.encode() * 50,
    }
    answers = []
    for name, content in contents.items():
        answers.append(client.predict(as_file(tmp_path, name, content), api_name="/score"))
    assert [answer["status"] for answer in answers][:2] == ["ok", "ok"]
    boundary = "x" * 20
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{NAME}.png"\r\n'
        f"Content-Type: image/png\r\n\r\n"
    ).encode() + png(digits["novel"], NAME)
    request = urllib.request.Request(
        f"{page.url}gradio_api/upload",
        body + f"\r\n--{boundary}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    with urllib.request.urlopen(request) as answer:
        paths = json.loads(answer.read())
    assert NAME not in json.dumps(answers) + json.dumps(paths)
    assert NAME.encode() not in page.log.read_bytes()
    client.predict({"path": paths[0]}, api_name="/score")
    left = [path for path in page.temp.rglob("*") if path.is_file() and path.name != "lock"]
    assert not any(NAME in str(path) for path in left)
    for path in left:
        with contextlib.suppress(OSError):
            assert NAME.encode() not in path.read_bytes()
    assert not [path for path in left if "uploads-" in str(path)]


def test_nothing_but_a_greeting_is_logged(page: Page) -> None:
    text = page.log.read_text()
    assert "Traceback" not in text and 'File "' not in text
