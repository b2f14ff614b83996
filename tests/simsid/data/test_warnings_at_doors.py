"""What a decoder notices reaches every door: table, training log, report, check, page."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from demo.inference import Inference
from simsid.data.__main__ import main as check
from simsid.data.film_set import FilmOptions
from simsid.data.load import load_data
from simsid.data.options import tell_films
from simsid.evaluation.report import report_on
from simsid.score import main as score
from tests.simsid.data import trees
from tests.simsid.data.jpeg12 import jpeg12
from tests.simsid.data.make_files import JPEG_EXTENDED, deep_png, dicom, dicom_set, film16, framed
from tests.simsid.helpers import make_detector

VALUES = film16(64, 64) >> 4  # 12 bits
DARK = 5  # films


def nearly_black(index):
    pixels = np.zeros((64, 64), np.uint16)
    pixels[::7, index::5] = 200
    return dicom(pixels, stored=12)


ODD = {
    "depth.png": (deep_png(VALUES), "depth_guessed", "claims 16 bits but uses 12"),
    "window.dcm": (
        dicom(VALUES, stored=12, WindowCenter=9, WindowWidth=0), "window_ignored", "a width of 0"),
    "short.dcm": (
        framed(dicom_set(VALUES, stored=12), JPEG_EXTENDED, jpeg12(VALUES)[:-2] + b"\0\0"),
        "shorter_than_stated", "shorter than it states"),
    "burned.dcm": (
        dicom(VALUES, stored=12, BurnedInAnnotation="YES"), "burned_in_annotation", "burned into"),
    "inverse.dcm": (
        dicom(VALUES, stored=12, PresentationLUTShape="INVERSE"), "inverse_presentation",
        "may be inverted"),
    "over.dcm": (
        dicom(VALUES | (np.eye(64, dtype=np.uint16) << 15), stored=12), "high_bits_ignored",
        "such as an overlay's"),
    **{f"dark{index}.dcm": (nearly_black(index), "nearly_black", "nearly black")
       for index in range(DARK)},
}  # fmt: skip


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """40 normals with the odd ones among them, and a test part."""
    root = tmp_path_factory.mktemp("set")
    for index in range(40 - len(ODD)):
        trees.film(root / f"train/normal/{index:03d}.png")
    for name, (content, _, _) in ODD.items():
        (root / "train/normal" / name).write_bytes(content)
    for index in range(4):
        trees.film(root / f"test/normal/n{index}.png")
        trees.film(root / f"test/mass/m{index}.png")
    return root


@pytest.fixture(scope="module")
def loaded(hospital):
    return load_data("folder", str(hospital), films=FilmOptions(image_size=(32, 32)))


def line_of(code, lines):
    (line,) = (line for line in lines if f"({code})" in line)
    return line


@pytest.mark.parametrize("name", ODD)
def test_the_training_log_counts_and_names_them(name, loaded):
    _, code, words = ODD[name]
    told = []
    tell_films(loaded, told.append)
    line = line_of(code, told)
    count = DARK if code == "nearly_black" else 1
    assert line.startswith(f"{count} of 48 films: ")
    assert name in line
    assert words.replace("uses 12", "uses fewer") in line


def test_the_report_says_it_too(loaded, tmp_path):
    report_on(make_detector(loaded), loaded, tmp_path)
    for kind in ("md", "html", "json"):
        text = (tmp_path / f"report.{kind}").read_text(encoding="utf-8")
        for name, (_, code, _) in ODD.items():
            assert code.replace("_", r"\_") in text or code in text
            assert name in text


def test_the_check_counts_and_names_them(hospital, capsys):
    assert check(["check", "--dataset", "folder", "--data-root", str(hospital)]) == 0
    printed = capsys.readouterr().out.splitlines()
    for name, (_, code, _) in ODD.items():
        line = line_of(code, printed)
        assert name in line
    assert line_of("nearly_black", printed).startswith(f"- {DARK} films: ")


def test_the_table_says_it_in_the_films_own_row(hospital, model, tmp_path):
    out = tmp_path / "s.csv"
    score([str(hospital / "train/normal"), "--model", str(model), "--out", str(out)])
    with open(out, newline="", encoding="utf-8") as file:
        messages = {row["file"].rpartition("/")[2]: row["message"] for row in csv.DictReader(file)}
    for name, (_, _, words) in ODD.items():
        assert words in messages[name]
    assert not any(words in messages["000.png"] for _, _, words in ODD.values())


def test_the_page_says_it(hospital):
    inference = Inference()
    try:
        for name, (content, _, words) in ODD.items():
            answer = inference.score_bytes(content, "bundled:digitanatomy")
            kept = inference.keep_bytes(content)
            assert any(words in note for note in answer.notes), name
            assert words in answer.message
            assert kept.notes == answer.notes
    finally:
        inference.close()
