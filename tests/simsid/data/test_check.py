import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsid.cli import run_command
from simsid.data.__main__ import main
from simsid.data.checks.check import check_data
from simsid.data.film_set import FilmOptions
from tests.simsid.data import trees

REAL = Path(__file__).parents[4] / "shared/data/cxr"


def check(name, root):
    return check_data(name, root, FilmOptions()).content


def shortcut(content, name, films="all"):
    return next(s for s in content["shortcuts"] if (s["name"], s["films"]) == (name, films))


def test_a_check_prints_tables_and_writes_a_report_with_a_contact_sheet(tmp_path, capsys):
    root, out = trees.nih(tmp_path / "nih"), tmp_path / "out"
    assert main(["check", "--dataset", "nih", "--data-root", str(root), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"view: PA +\| \d+", printed)
    assert "- patients in two parts: 0" in printed
    content = json.loads((out / "check.json").read_text())
    assert content["counts"]["label"]["normal"]["test"] == 5
    assert "![films of each part](contact_sheet.png)" in (out / "check.md").read_text()
    with Image.open(out / "contact_sheet.png") as sheet:
        assert sheet.size[0] > 1000


def test_a_category_that_goes_with_the_label_is_told(tmp_path):
    content = check("covidx", trees.covidx(tmp_path))
    source = shortcut(content, "source", "labelled")
    assert (source["auroc"], source["tells"]) == (1.0, True)
    assert source["rates"] == {"ricord": 1.0, "rsna": 0.0}
    assert not shortcut(content, "aspect ratio (width / height)")["tells"]


def test_numbers_of_the_film_itself_are_told(tmp_path):
    for index in range(40):
        trees.film(tmp_path / f"train/normal/{index}.png", (64, 96))
        trees.film(tmp_path / f"test/normal/n{index}.png", (64, 96))
        path = tmp_path / f"test/mass/m{index}.png"
        trees.film(path, (96, 64))
        Image.fromarray(np.asarray(Image.open(path)) // 2).save(path)  # half as bright
    content = check("folder", tmp_path)
    assert shortcut(content, "mean grey", "labelled")["auroc"] == 0.0
    assert shortcut(content, "width", "labelled")["auroc"] == 0.0
    assert shortcut(content, "height", "labelled")["auroc"] == 1.0
    assert shortcut(content, "32-px nearest training normal", "labelled")["auroc"] > 0.9
    assert shortcut(content, "mean grey", "labelled")["tells"]


def test_copies_are_found_within_and_across_parts(tmp_path):
    root = trees.zhanglab(tmp_path) / "chest_xray"
    rng = np.random.default_rng(0)
    shades = Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).resize((128, 128))
    shades.save(root / "train/NORMAL/IM-0001-0001.jpeg", quality=95)
    shades.resize((90, 90)).save(root / "test/PNEUMONIA/person700_virus_0.jpeg", quality=60)
    shutil.copy(root / "test/NORMAL/IM-0900-0001.jpeg", root / "test/NORMAL/IM-0901-0001.jpeg")
    content = check("zhanglab", tmp_path)
    duplicates = content["duplicates"]
    assert duplicates["counts"] == {
        "exact, within a part": 1, "exact, across parts": 0, "near, within a part": 0,
        "near, across parts": 1, "of them with different labels": 1,
    }  # fmt: skip
    assert duplicates["pairs"][0]["films"] == [
        "test/PNEUMONIA/person700_virus_0.jpeg", "train/NORMAL/IM-0001-0001.jpeg"
    ]  # fmt: skip


def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys):
    arguments = ["check", "--dataset", "nih", "--data-root", str(tmp_path)]
    assert run_command(lambda: main(arguments)) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "expected Data_Entry_2017*.csv" in printed
    assert "found nothing" in printed


@pytest.mark.skipif(not REAL.is_dir(), reason="the development films are not here")
def test_the_view_of_nih_films_is_a_known_shortcut():
    view = shortcut(check("nih", REAL / "nih"), "view")
    assert view["auroc"] == pytest.approx(0.63, abs=0.005)
    assert view["tells"]
