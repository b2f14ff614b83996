from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsid.data.class_folders import refuse_class_folders
from simsid.data.find import find_images
from simsid.errors import DataError
from simsid.examine import main as examine
from simsid.recalibrate import main as recalibrate


def tree(root: Path, *folders: str) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for number in range(2):
            noise = np.random.default_rng(number).integers(0, 255, (16, 16), np.uint8)
            Image.fromarray(noise).save(root / folder / f"{number}.png")
    return root


def said_of(source: Path | str) -> str:
    try:
        refuse_class_folders(Path(source), find_images([str(source)]))
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("folders", "normals"),
    [
        (("NORMAL", "PNEUMONIA"), "NORMAL"),
        (("train/NORMAL", "train/Other_Kind"), "train/NORMAL"),  # by what stands beside
        (("negative/a", "positive/a"), "negative"),
        (("No Finding", "scratch"), "No Finding"),
        (("hospital/2020", "hospital/Abnormal"), ""),
    ],
)
def test_folders_of_classes_are_refused_with_the_place_of_the_normals(tmp_path, folders, normals):
    root = tree(tmp_path / "films", *folders)
    told = said_of(root)
    assert "folders of several classes" in told and "(2 films)" in told
    assert (f"give the normals alone: {root / normals}" in told) == bool(normals)
    if normals:
        assert said_of(root / normals) == ""


def test_a_folder_that_is_called_abnormal_is_refused(tmp_path):
    root = tree(tmp_path / "x", "Covid-19")
    assert "is called 'Covid-19'" in said_of(root / "Covid-19")
    assert "folders of several classes" in said_of(root)


def test_folders_that_tell_no_classes_are_read(tmp_path):
    root = tree(
        tmp_path / "abnormal" / "films", "0017", "ward 3/normals", "ward 4/normals", "positively"
    )
    assert said_of(root) == "" and said_of(root / "ward 3") == ""
    assert said_of(root / "*" / "*.png") == ""


def test_a_glob_over_classes_is_refused_too(tmp_path):
    root = tree(tmp_path / "films", "NORMAL", "PNEUMONIA")
    assert "PNEUMONIA" in said_of(root / "*" / "*.png")
    assert said_of(root / "NORM*") == ""


def test_a_glob_into_one_abnormal_folder_is_refused_as_the_folder_is(tmp_path, monkeypatch):
    root = tree(tmp_path / "films", "NORMAL", "PNEUMONIA/2020")
    given = ("*/*.png", "**/*.png", "2*")
    for glob in given:
        assert "lies in a folder that is called 'PNEUMONIA'" in said_of(root / "PNEUMONIA" / glob)
    assert "PNEUMONIA (2 films)" in said_of(root / "PNEU*" / "2020" / "*.png")
    assert "PNEUMONIA (2 films)" in said_of(root / "P*")
    monkeypatch.chdir(root / "PNEUMONIA")
    assert "called 'PNEUMONIA'" in said_of("*/*.png") and "called 'PNEUMONIA'" in said_of(".")
    monkeypatch.chdir(root / "NORMAL")
    assert said_of("*.png") == "" and said_of(".") == "" and said_of("0.png") == ""


@pytest.mark.parametrize("command", [recalibrate, examine])
def test_no_command_takes_the_abnormal_films_of_such_a_folder(tmp_path, command):
    root = tree(tmp_path / "films", "NORMAL", "PNEUMONIA")
    given = ["--model", "bundled:chest", "--normals", str(root), "--out", str(tmp_path / "out")]
    with pytest.raises(DataError, match=r"give the normals alone: .*NORMAL$"):
        command(given)
    assert not (tmp_path / "out").exists()
