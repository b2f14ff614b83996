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
from simsid.errors import SimsidError
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
    assert "- warning: too few calibration normals for any verdict at a false-alarm" in printed
    assert "it takes 19. With 95 training normals this split would hold out so many" in printed
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


def test_check_comes_first_and_is_told_where_it_does_not():
    with pytest.raises(SimsidError) as told:
        main(["--dataset", "nih", "--data-root", "my films"])
    assert str(told.value) == (
        "'check' comes first: python -m simsid.data check --dataset nih --data-root 'my films'"
    )


def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys):
    arguments = ["check", "--dataset", "nih", "--data-root", str(tmp_path)]
    assert run_command(lambda: main(arguments)) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "expected Data_Entry_2017*.csv" in printed
    assert "found nothing" in printed


def joined(tmp_path):
    roots = {"zhanglab": trees.zhanglab(tmp_path / "a"), "nih": trees.nih(tmp_path / "b")}
    return ["check", "--dataset", ",".join(roots),
            "--data-root", ",".join(f"{name}={root}" for name, root in roots.items())]  # fmt: skip


def test_sets_that_are_trained_on_as_one_are_checked_as_one(tmp_path, capsys):
    asked = joined(tmp_path)
    assert main([*asked, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "# Check of zhanglab,nih" in printed
    assert "- zhanglab: films used: " in printed
    assert "- nih: films used: " in printed
    content = json.loads((tmp_path / "out/check.json").read_text())
    apart = [check(name, root.partition("=")[2])
             for name, root in zip(("zhanglab", "nih"), asked[-1].split(","), strict=True)]  # fmt: skip
    for part in ("train", "calibration", "validation", "test", "pool"):
        for label in ("normal", "abnormal"):
            alone = [own["counts"]["label"].get(label, {}).get(part, 0) for own in apart]
            assert content["counts"]["label"][label][part] == sum(alone)
        patients = [own["counts"]["patients"]["patients"][part] for own in apart]
        assert content["counts"]["patients"]["patients"][part] == sum(patients)
    assert set(content["counts"]["population"]) == {"zhanglab", "nih"}
    assert shortcut(content, "population", "labelled")["rates"].keys() == {"zhanglab", "nih"}
    assert content["facts"]["populations"]["nih"] == apart[1]["facts"]


def test_a_film_that_stands_in_two_sets_is_found(tmp_path):
    asked = joined(tmp_path)
    twin = next((tmp_path / "a").rglob("NORMAL/IM-0001-0001.jpeg"))
    shutil.copy(twin, next((tmp_path / "b").rglob("00000001_000.png")))
    content = check_data(asked[2], asked[4], FilmOptions()).content
    assert [pair["films"] for pair in content["duplicates"]["pairs"] if pair["exact"]] == [
        ["zhanglab/train/NORMAL/IM-0001-0001.jpeg", "nih/images_001/images/00000001_000.png"]
    ]


@pytest.mark.parametrize(
    ("dataset", "root", "says"),
    [
        ("zhanglab,nih", "a", "several data sets need a folder each"),
        ("zhanglab,zhanglab", "zhanglab=a", "names a set twice, leave one"),
        ("zhanglab,nihh", "zhanglab=a,nihh=b", "unknown set of films 'nihh'; choose among: zhanglab"),
        ("digitanatomy", "a", "unknown set of films 'digitanatomy'"),
        ("zhanglab,nih", "zhanglab=a,nih=b,vindr=c", "'vindr' is not one of them"),
        ("zhanglab,nih", "zhanglab=a,nih=b", "no folder at a"),
    ],
)  # fmt: skip
def test_joined_sets_that_cannot_be_are_one_line(dataset, root, says, capsys):
    assert run_command(lambda: main(["check", "--dataset", dataset, "--data-root", root])) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_two_percent_are_of_each_set_and_not_of_all(tmp_path, capsys):
    asked = joined(tmp_path)
    for path in sorted((tmp_path / "a").rglob("train/NORMAL/IM-*"))[:3]:
        path.write_bytes(b"")
    assert run_command(lambda: main(asked)) == 2
    assert "3 of " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.skipif(not REAL.is_dir(), reason="the development films are not here")
def test_the_view_of_nih_films_is_a_known_shortcut():
    view = shortcut(check("nih", REAL / "nih"), "view")
    assert view["auroc"] == pytest.approx(0.63, abs=0.005)
    assert view["tells"]
