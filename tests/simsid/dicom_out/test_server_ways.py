"""Servers that give their answers in pages, refuse results, or stop answering."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from simsid.dicomweb import DicomWeb
from tests.simsid.dicom_out.conftest import SECRETS, SERIES, STUDY, film, run
from tests.simsid.dicom_out.web_server import Archive, serving

pytest.importorskip("dicomweb_client.api")
pytest.importorskip("highdicom")
QUERY = "PatientID=1"


@pytest.fixture
def archive(data):
    """Seven films in four series of one study."""
    made = Archive(STUDY)
    for number in range(7):
        image = np.roll(data.test.images[0], number)
        name = f"{STUDY}.{number % 4}"
        made.films[name, f"{SERIES}.{number + 1}"] = film(image, number, SeriesInstanceUID=name)
    return made


@pytest.mark.parametrize("page", [0, 1, 2, 3])
@pytest.mark.parametrize("end", [200, 204, 404, 416])
def test_all_films_come_however_few_a_server_gives_at_once(page, end, archive, tmp_path, capfd):
    archive.page, archive.ends_with, archive.warns = page, end, page > 0
    with serving(archive) as url:
        assert DicomWeb(url).fetch(QUERY, tmp_path) == (7, 1)
    names = {pydicom.dcmread(path).SOPInstanceUID for path in tmp_path.iterdir()}
    assert names == {name for _, name in archive.films}
    assert "warning" not in capfd.readouterr().err


def test_a_server_without_pages_is_not_asked_for_ever(archive, tmp_path, capfd):
    archive.knows_offset = False
    with serving(archive) as url:
        assert DicomWeb(url).fetch(QUERY, tmp_path) == (7, 1)
    assert len(archive.asked) < 30
    archive.page, archive.warns = 1, True
    (tmp_path / "some").mkdir()
    with serving(archive) as url:
        assert DicomWeb(url).fetch(QUERY, tmp_path / "some") == (1, 1)
    told = capfd.readouterr().err
    assert told.count("its answer is not whole") == 1


def scored(archive, model, tmp_path, *more):
    with serving(archive) as url:
        asked = ("--dicomweb", url, "--query", QUERY, "--model", model, "--store", *more)
        return run(*asked, "--out", tmp_path / "s.csv")


def test_a_table_of_a_server_is_never_made_anew_unless_the_user_says_so(
    archive, model, tmp_path, capfd
):
    out = tmp_path / "s.csv"
    assert scored(archive, model, tmp_path) == 0
    old = out.read_bytes()
    archive.films.popitem()
    assert scored(archive, model, tmp_path) == 2
    told = "holds 7 rows of an earlier run of a server, whose numbers may stand for other films"
    assert told in capfd.readouterr().err
    assert out.read_bytes() == old
    assert scored(archive, model, tmp_path, "--overwrite") == 0
    assert len(out.read_text().splitlines()) == 1 + 6


@pytest.mark.parametrize("status", [409, 400])
def test_what_a_server_refuses_is_kept_and_the_rest_is_sent(
    status, archive, model, tmp_path, capfd, caplog
):
    archive.refuse, archive.status = frozenset({2, 5}), status
    assert scored(archive, model, tmp_path) == 2
    said = capfd.readouterr()
    assert archive.came == 14
    assert "12 DICOM files stored on the server" in said.out
    assert said.err.count("not stored: ") == 2
    assert "2 of 14 results were not stored" in said.err.splitlines()[-1]
    (folder,) = tmp_path.glob("s.csv-unsent-*")
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == ["0001.dcm.outlines.dcm", "0003.dcm.capture.dcm"]
    assert str(folder) in said.err
    assert all(pydicom.dcmread(path).StudyInstanceUID == STUDY for path in folder.iterdir())
    assert (tmp_path / "s.csv").read_text().count("\n") == 8
    told = said.out + said.err + caplog.text
    for secret in (*SECRETS, "secret of the server"):
        assert secret not in told


def test_results_that_are_kept_anyway_are_named_where_they_lie(archive, model, tmp_path, capfd):
    archive.refuse = frozenset({14})
    assert scored(archive, model, tmp_path, "--dicom-out", tmp_path / "results") == 2
    assert f"they lie in {tmp_path / 'results'}" in capfd.readouterr().err
    assert not list(tmp_path.glob("s.csv-unsent-*"))


def test_a_server_that_lets_nobody_in_is_asked_no_more(archive, model, tmp_path, capfd):
    archive.refuse, archive.status = frozenset(range(4, 99)), 401
    assert scored(archive, model, tmp_path) == 2
    assert archive.came == 6
    told = capfd.readouterr().err
    assert "11 of 14 results were not stored" in told
    assert told.count("not tried") == 8
    assert len(list(next(tmp_path.glob("s.csv-unsent-*")).iterdir())) == 11


def test_a_stop_while_results_are_sent_keeps_the_rest(archive, model, tmp_path, capfd, monkeypatch):
    read = pydicom.dcmread

    def stop(path, *arguments, **named):
        if archive.came == 3 and str(path).endswith((".capture.dcm", ".outlines.dcm")):
            raise KeyboardInterrupt
        return read(path, *arguments, **named)

    monkeypatch.setattr(pydicom, "dcmread", stop)
    assert scored(archive, model, tmp_path) == 130
    assert "stopped: 11 of 14 results were not stored" in capfd.readouterr().err
    assert len(list(next(tmp_path.glob("s.csv-unsent-*")).iterdir())) == 11
