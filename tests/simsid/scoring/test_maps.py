from __future__ import annotations

import csv
import os

import numpy as np
import pytest
from PIL import Image

from simsid.data.own_files import is_map
from tests.simsid.scoring.conftest import FILMS, run


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_name_too_long_for_a_map_costs_its_own_row_only(model, films, tmp_path):
    (films / "05.png").rename(films / ("x" * 250 + ".png"))
    arguments = (films, "--model", model, "--out", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    assert run(*arguments) == 1
    rows = rows_of(tmp_path / "s.csv")
    bad = [row for row in rows if row["status"] != "ok"]
    assert len(rows) == FILMS
    assert [row["status"] for row in bad] == ["map_not_written"]
    assert "File name too long" in bad[0]["message"]
    assert float(bad[0]["score"]) > 0


def test_a_map_that_cannot_be_written_costs_its_own_row_only(model, films, tmp_path):
    (films / "a").mkdir()
    (films / "05.png").rename(films / "a" / "05.png")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "a").write_text("a file in the way")
    arguments = (films, "--model", model, "--out", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    assert run(*arguments) == 1
    status = {row["file"].rsplit("/", 1)[1]: row["status"] for row in rows_of(tmp_path / "s.csv")}
    assert status.pop("05.png") == "map_not_written"
    assert set(status.values()) == {"ok"}
    assert (tmp_path / "maps" / "a").read_text() == "a file in the way"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_stops_at_the_map_and_names_it(model, films, tmp_path, capsys):
    (tmp_path / "maps").mkdir()
    full = tmp_path / "maps" / "05.png.map.png"
    full.symlink_to("/dev/full")
    arguments = (films, "--model", model, "--out", tmp_path / "s.csv", "--maps", tmp_path / "maps",
                 "--batch-size", 4, "--overwrite")  # fmt: skip
    assert run(*arguments) == 2
    assert f"{full}: No space left on device; make room: 4 of 24" in capsys.readouterr().err
    full.unlink()
    assert run(*arguments[:-1], "--resume") == 0
    assert len(rows_of(tmp_path / "s.csv")) == FILMS


def test_a_foreign_file_with_a_map_s_name_is_refused_before_scoring(model, films, tmp_path, capsys):
    (tmp_path / "maps").mkdir()
    foreign = tmp_path / "maps" / "07.png.map.png"
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(foreign)
    before = foreign.read_bytes()
    arguments = (films, "--model", model, "--out", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    assert run(*arguments) == 2
    assert "07.png.map.png, which is no map" in capsys.readouterr().err
    assert foreign.read_bytes() == before
    assert not (tmp_path / "s.csv").exists()
    assert run(*arguments, "--overwrite") == 0
    assert is_map(foreign)


def test_maps_of_an_earlier_run_are_no_films(model, films, tmp_path, capsys):
    """Whether a folder is named, a shell's star named them, or a DICOM file had no suffix."""
    Image.open(films / "05.png").save(films / "IM1", "PNG")
    named = (*sorted(films.iterdir()),)
    run(*named, "--model", model, "--out", tmp_path / "s.csv", "--maps", films, "--map-arrays")
    capsys.readouterr()
    assert run(films, "--model", model, "--out", tmp_path / "t.csv") == 0
    assert len(rows_of(tmp_path / "t.csv")) == FILMS + 1  # IM1 is a film by its content
    assert "50 maps and results of an earlier run were left out" in capsys.readouterr().err
    run(*sorted(films.iterdir()), "--model", model, "--out", tmp_path / "u.csv")
    assert len(rows_of(tmp_path / "u.csv")) == FILMS + 1
