"""Films come from a DICOMweb server and results go back to it; identifiers go nowhere else."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
import requests

from simsid.dicomweb import AUTHORIZATION, DicomWeb, _filters, _told
from simsid.errors import SimsidError
from tests.simsid.data import trees
from tests.simsid.dicom_out.conftest import SECRETS, STUDY, run

client = pytest.importorskip("dicomweb_client.api")
pytest.importorskip("highdicom")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an empty server."""
    program = shutil.which("Orthanc")
    if program is None or not PLUGIN.exists():
        pytest.skip("Orthanc with its DICOMweb plugin is not installed")
    folder, port = tmp_path_factory.mktemp("orthanc"), free_port()
    settings = {
        "HttpPort": port, "DicomServerEnabled": False, "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False, "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"), "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen([program, folder / "orthanc.json"], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/"
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(url + "system", timeout=5).close()
            break
        except OSError:
            said = (folder / "log.txt").read_text()
            assert process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.2)
    yield url + "dicom-web"
    process.terminate()
    process.wait(60)


def put(url: str, data: bytes) -> None:
    client.DICOMwebClient(url).store_instances([pydicom.dcmread(io.BytesIO(data))])


def test_a_study_is_scored_and_its_results_lie_beside_it(
    orthanc, model, films, tmp_path, capfd, caplog
):
    for film in sorted(films.iterdir()):
        put(orthanc, film.read_bytes())
    out = tmp_path / "scores.csv"
    command = ["--dicomweb", orthanc, "--query", f"StudyInstanceUID={STUDY}", "--model", model]
    assert run(*command, "--out", out, "--store") == 0
    direct = tmp_path / "direct.csv"
    assert run(films, "--model", model, "--out", direct) == 0
    lines = [table.read_text().splitlines() for table in (out, direct)]
    numbers = [[line.split(",")[1:5] for line in each] for each in lines]
    assert numbers[0] == numbers[1] and len(numbers[0]) == 3
    assert [line.split(",")[0] for line in lines[0][1:]] == ["0001.dcm", "0002.dcm"]
    stored = client.DICOMwebClient(orthanc).retrieve_study(STUDY)
    captures = [each for each in stored if each.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"]
    assert len(stored) == 6 and len(captures) == 2
    assert all(each.SeriesDescription.startswith("RESEARCH ONLY") for each in captures)
    assert run(*command, "--out", tmp_path / "again.csv") == 0  # results are not scored as films
    assert len((tmp_path / "again.csv").read_text().splitlines()) == 3
    said = out.read_text() + "".join(capfd.readouterr()) + caplog.text
    assert "4 DICOM files stored on the server" in said
    for secret in SECRETS:
        assert secret not in said


def test_a_study_that_is_not_there_is_told_without_naming_it(orthanc, model, tmp_path, capfd):
    command = ["--dicomweb", orthanc, "--query", "PatientID=secret-4711", "--model", model]
    assert run(*command, "--out", tmp_path / "scores.csv") == 2
    error = capfd.readouterr().err
    assert "0 studies and no radiograph" in error and "secret" not in error


def test_a_server_that_refuses_or_is_absent_is_one_line_without_the_query(
    orthanc, tmp_path, monkeypatch
):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between tries
    absent = f"http://127.0.0.1:{free_port()}/dicom-web"
    with pytest.raises(SimsidError, match="asked to search, the server gave no answer") as told:
        DicomWeb(absent).fetch("PatientID=secret", tmp_path)
    assert "secret" not in str(told.value)
    with pytest.raises(SimsidError, match="the server answered 404"):
        DicomWeb(orthanc + "/nothing").fetch("PatientID=secret", tmp_path)


@pytest.mark.parametrize(
    "error", [requests.exceptions.InvalidURL("secret"), ValueError("secret"), KeyError("secret")]
)
def test_no_words_of_the_server_or_the_library_are_told(error):
    with pytest.raises(SimsidError, match="did not do so") as told, _told("search"):
        raise error
    assert "secret" not in str(told.value)


def test_a_full_disk_is_told_as_what_it_is():
    with pytest.raises(OSError, match="No space left"), _told("search"):
        raise OSError(28, "No space left", "film.dcm")


def test_the_header_that_says_who_asks_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv(AUTHORIZATION, "Bearer abc")
    server = DicomWeb("https://pacs.example/dicom-web")
    assert server._client._session.headers["Authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--query", "PatientID=1"], "belong to --dicomweb"),
        (["--store", "film.dcm"], "belong to --dicomweb"),
        (["--dicomweb", "pacs"], "must be the address of a server"),
        (["--dicomweb", "https://me:word@pacs.example"], AUTHORIZATION),
        (["--dicomweb", "https://pacs.example"], "--query must be NAME=VALUE"),
        (["--dicomweb", "https://pacs.example", "film.dcm"], "without files"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(arguments, says, model, tmp_path, capfd):
    assert run(*arguments, "--model", model, "--out", tmp_path / "scores.csv") == 2
    error = capfd.readouterr().err
    assert says in error and error.count("\n") == 1 and "word" not in error.replace("password", "")


@pytest.mark.parametrize(
    "query",
    ["", "PatientID=&StudyDate=20260101", "PatientID=1&PatientID=2", "PatientID 47&StudyDate=1"],
)
def test_a_query_of_which_a_part_would_be_lost_is_refused(query):
    with pytest.raises(SimsidError, match="each name once and none empty") as caught:
        _filters(query)
    assert "47" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_told_as_that():
    with pytest.raises(SimsidError, match="REQUESTS_CA_BUNDLE"), _told("search"):
        raise requests.exceptions.SSLError("self-signed")


def test_results_of_another_query_are_not_written_over(model, tmp_path, capfd):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "0001.dcm.map.png").touch()
    asked = ("--dicomweb", "http://127.0.0.1:9/dicom-web", "--query", "StudyDate=20260101")
    assert (
        run("--model", model, *asked, "--maps", tmp_path / "maps", "--out", tmp_path / "s.csv") == 2
    )
    assert "choose a new folder" in capfd.readouterr().err


def test_a_table_of_another_query_is_kept_and_nothing_is_fetched(model, tmp_path, capfd):
    film = trees.film(tmp_path / "film.png")
    assert run("--model", model, film, "--out", tmp_path / "s.csv") in (0, 1)
    old = (tmp_path / "s.csv").read_bytes()
    asked = ("--dicomweb", "http://127.0.0.1:9/dicom-web", "--query", "StudyDate=20260101")
    assert run("--model", model, *asked, "--out", tmp_path / "s.csv") == 2
    assert "whose numbers may stand for other films" in capfd.readouterr().err
    assert (tmp_path / "s.csv").read_bytes() == old
