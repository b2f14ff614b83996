from __future__ import annotations

import csv
import logging
import re
import shutil
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from PIL import Image

from simsid.data.preprocess import Preprocessing
from simsid.dicom_out.picture import burned_in, outlines
from simsid.map_scale import MapScale
from tests.simsid.dicom_out.conftest import SECRETS, STUDY, film, run

pytest.importorskip("highdicom")


def test_each_film_gets_a_picture_and_outlines_in_its_own_study(model, films, tmp_path, capfd):
    out = tmp_path / "results"
    assert run(films, "--model", model, "--out", tmp_path / "s.csv", "--dicom-out", out) == 0
    assert "4 DICOM files in" in capfd.readouterr().out
    for number in (0, 1):
        source = pydicom.dcmread(films / f"{number}.dcm")
        capture = pydicom.dcmread(out / f"{number}.dcm.capture.dcm")
        state = pydicom.dcmread(out / f"{number}.dcm.outlines.dcm")
        for result in (capture, state):
            assert result.StudyInstanceUID == STUDY
            assert result.SeriesInstanceUID != source.SeriesInstanceUID
            assert (result.PatientID, result.PatientName) == (source.PatientID, source.PatientName)
            assert result.AccessionNumber == "ACC4711" and result.StudyDate == "20260102"
            assert result.SeriesDescription.startswith("RESEARCH ONLY")
        pixels = capture.pixel_array
        assert pixels.ndim == 3 and pixels.shape[1] == 512
        assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
        assert "false alarms" in capture.ImageComments
        referenced = state.ReferencedSeriesSequence[0].ReferencedImageSequence[0]
        assert referenced.ReferencedSOPInstanceUID == source.SOPInstanceUID
        words = state.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue
        assert words.startswith("RESEARCH ONLY")
        assert (state.WindowCenter if "WindowCenter" in state else
                state.SoftcopyVOILUTSequence[0].WindowCenter) == 128  # fmt: skip
    drawn = state.GraphicAnnotationSequence[0].GraphicObjectSequence
    points = np.reshape(drawn[0].GraphicData, (-1, 2))
    assert points.min() >= 0 and (points.max(0) <= (source.Columns, source.Rows)).all()
    first = pydicom.dcmread(out / "0.dcm.capture.dcm")
    assert first.SeriesInstanceUID == capture.SeriesInstanceUID
    assert first.SOPInstanceUID != capture.SOPInstanceUID


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize(
    "elements", [{}, {"photometric": "MONOCHROME1"}, {"PatientOrientation": ""}]
)
def test_dciodvfy_finds_no_error(model, data, tmp_path, elements):
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "0.dcm").write_bytes(film(data.test.images[-1], 0, **elements))
    out = tmp_path / "results"
    arguments = ("--model", model, "--out", tmp_path / "s.csv", "--dicom-out", out)
    assert run(folder, *arguments, "--accept-out-of-place") == 0
    for file in sorted(out.iterdir()):
        told = subprocess.run(["dciodvfy", file], capture_output=True, text=True)
        said = told.stdout + told.stderr
        assert re.search("SCImage|GrayscaleSoftcopyPresentationState", said), said
        assert told.returncode == 0 and "Error" not in said, said


def test_nothing_of_the_patient_is_told_outside_the_files(model, films, tmp_path, capfd, caplog):
    """A name and a sex against the standard make the libraries speak."""
    caplog.set_level(logging.DEBUG)
    source = pydicom.dcmread(films / "1.dcm")
    source.PatientName, source.AccessionNumber = SECRETS[0] + "=a=b=c=d", "ACC4711" * 3
    source.PatientSex = "ACC4711"
    source.save_as(films / "1.dcm")
    table, out = tmp_path / "s.csv", tmp_path / "results"
    run(films, "--model", model, "--out", table, "--dicom-out", out, "--maps", tmp_path / "maps")
    assert (out / "0.dcm.capture.dcm").exists()
    captured = capfd.readouterr()
    maps = b"".join(path.read_bytes() for path in (tmp_path / "maps").iterdir())
    told = captured.out + captured.err + caplog.text + table.read_text() + maps.decode("latin-1")
    assert not any(secret in told for secret in SECRETS)
    rows = {row["file"][-5:]: row for row in csv.DictReader(table.open())}
    assert rows["1.dcm"]["status"] == "ok"
    assert "no DICOM result" in rows["1.dcm"]["message"]
    assert not (out / "1.dcm.capture.dcm").exists()


def test_what_has_no_study_is_scored_and_says_why_it_has_no_result(model, data, tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    Image.fromarray(data.test.images[0]).save(folder / "a.png")
    (folder / "b.dcm").write_bytes(film(data.test.images[0], 0, StudyInstanceUID=""))
    table = tmp_path / "s.csv"
    assert run(folder, "--model", model, "--out", table, "--dicom-out", tmp_path / "r") == 0
    messages = [row["message"] for row in csv.DictReader(table.open())]
    assert messages == [
        "no DICOM result: it is no DICOM file",
        "no DICOM result: its header has no StudyInstanceUID",
    ]


def test_a_film_of_somebody_else_is_never_written_over(model, films, tmp_path, capfd):
    theirs = tmp_path / "r" / "0.dcm.capture.dcm"
    theirs.parent.mkdir()
    shutil.copy(films / "0.dcm", theirs)
    before = theirs.read_bytes()
    arguments = (films, "--model", model, "--out", tmp_path / "s.csv", "--dicom-out", theirs.parent)
    assert run(*arguments) == 2
    assert "nothing was changed" in capfd.readouterr().err
    assert theirs.read_bytes() == before and not (tmp_path / "s.csv").exists()
    theirs.unlink()
    assert run(*arguments) == run(*arguments) == 0  # its own it may replace


def test_results_beside_the_films_are_not_scored(model, films, tmp_path):
    arguments = ("--model", model, "--out", tmp_path / "s.csv", "--dicom-out", films)
    assert run(films, *arguments) == run(films, *arguments) == 0
    assert len(list(csv.DictReader((tmp_path / "s.csv").open()))) == 2


def test_without_highdicom_one_line_says_how_to_get_it(model, films, tmp_path, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    out = tmp_path / "s.csv"
    assert run(films, "--model", model, "--out", out, "--dicom-out", tmp_path / "r") == 2
    said = capfd.readouterr().err
    assert "pip install" in said and said.count("\n") == 1 and not out.exists()


@pytest.mark.parametrize("fit", ["squash", "letterbox", "crop"])
def test_a_map_comes_back_to_where_the_film_has_it(fit):
    image = np.zeros((60, 40), np.float32)
    image[30:36, 20:26] = 1
    preprocessing = Preprocessing((32, 32), fit)
    back = preprocessing.restore(preprocessing.apply(image), image.shape, -1.0)
    assert back.shape == image.shape
    rows, cols = np.nonzero(back > 0.5)
    assert abs(rows.mean() - 32.5) < 1 and abs(cols.mean() - 22.5) < 1
    assert (back[0, 0] == -1) == (fit == "crop")


def test_outlines_go_round_what_is_coloured_in_pixels_of_the_film():
    strange = np.zeros((32, 32), np.float32)
    strange[8:16, 16:32] = 9
    (line,) = outlines(strange, MapScale(1, 8), (64, 320))
    assert np.allclose(line.min(0), (160, 16), atol=10) and np.allclose(
        line.max(0), (320, 32), atol=10
    )
    assert (line[0] == line[-1]).all()


def test_the_words_are_burned_in_above_and_below():
    film, flat = np.full((100, 512), 0.5, np.float32), np.zeros((100, 512), np.float32)
    shown = burned_in(film, flat, MapScale(), "RESEARCH ONLY", "score 3")
    assert shown.shape[0] > 140 and shown[:20].max() == 255 and shown[-20:].max() == 255
