"""What may lie where scoring writes, on purpose or by mistake: films, models and tables stay."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsid.cli import run_command
from simsid.data.__main__ import main as data_command
from simsid.data.own_files import is_map
from simsid.evaluate import main as evaluate
from simsid.review import main as review
from simsid.scoring.table import COLUMNS, csv_line, only_writer
from tests.simsid.data import trees
from tests.simsid.data.chosen import chosen
from tests.simsid.dicom_out.conftest import film as dicom_film
from tests.simsid.scoring.conftest import FILMS, child, run
from tests.waiting import GENEROUS


@pytest.fixture
def film(films):
    return films / "03.png"


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
@pytest.mark.parametrize("flags", [[], ["--overwrite"]])
@pytest.mark.parametrize("what", ["a film", "the table of --files", "the model"])
def test_no_link_leads_a_table_over_what_is_read(
    link, flags, what, model, films, film, tmp_path, capsys
):
    listed = tmp_path / "listed.csv"
    listed.write_text(f"file\n{film}\n")
    target = {"a film": film, "the table of --files": listed, "the model": model / "config.json"}
    out = tmp_path / "s.csv"
    link(target[what], out)
    before = target[what].read_bytes()
    assert run(films, "--files", listed, "--model", model, "--out", out, *flags) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert target[what].read_bytes() == before
    assert out.samefile(target[what])


def test_a_map_never_goes_through_a_link_to_a_film(model, films, film, tmp_path, capsys):
    maps, before = tmp_path / "maps", film.read_bytes()
    maps.mkdir()
    (maps / "05.png.map.png").symlink_to(film)
    arguments = (films, "--model", model, "--out", tmp_path / "s.csv", "--maps", maps)
    assert run(*arguments, "--overwrite") == 2
    assert "which this command reads" in capsys.readouterr().err
    (maps / "05.png.map.png").unlink()
    os.link(film, maps / "05.png.map.png")
    assert run(*arguments) == 2
    assert run(*arguments, "--overwrite") == 0  # the name is written, the film keeps its own
    assert is_map(maps / "05.png.map.png")
    assert film.read_bytes() == before


def test_a_dicom_result_never_goes_through_a_link_to_a_film(model, data, tmp_path, capsys):
    pytest.importorskip("highdicom")
    film, results = tmp_path / "films/a.dcm", tmp_path / "results"
    film.parent.mkdir()
    results.mkdir()
    film.write_bytes(dicom_film(data.test.images[0], 0))
    before, name = film.read_bytes(), results / "a.dcm.capture.dcm"
    name.symlink_to(film)
    arguments = (film, "--model", model, "--out", tmp_path / "s.csv", "--dicom-out", results)
    assert run(*arguments, "--overwrite") == 2
    name.unlink()
    os.link(film, name)
    assert run(*arguments, "--overwrite") == 0
    assert film.read_bytes() == before != name.read_bytes()


def test_resume_alone_writes_over_no_foreign_map(model, films, tmp_path, capsys):
    foreign = tmp_path / "maps/07.png.map.png"
    arguments = (films, "--model", model, "--out", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    assert run(*arguments) == 0
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(foreign)
    before = foreign.read_bytes()
    assert run(*arguments, "--resume") == 2
    assert "07.png.map.png, which is no map" in capsys.readouterr().err
    assert foreign.read_bytes() == before
    assert run(*arguments, "--resume", "--overwrite") == 0


@pytest.mark.parametrize("flags", [[], ["--overwrite"], ["--resume"]])
def test_a_pipe_with_a_maps_name_is_not_waited_for(flags, model, films, tmp_path, capsys):
    pipe = tmp_path / "maps/07.png.map.png"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    arguments = (films, "--model", model, "--out", tmp_path / "s.csv", "--maps", pipe.parent)
    assert run(*arguments, *flags) == 2
    assert "07.png.map.png" in capsys.readouterr().err
    assert pipe.is_fifo()


def test_two_runs_never_write_one_table(model, films, tmp_path, capsys):
    out = tmp_path / "s.csv"
    (tmp_path / "link.csv").symlink_to(out)
    with only_writer(out):
        for name in (out, tmp_path / "link.csv"):
            assert run(films, "--model", model, "--out", name) == 2
            assert "another run writes" in capsys.readouterr().err
        assert not out.exists()
        assert run(films, "--model", model, "--out", tmp_path / "other.csv") == 0
    process = child(films, "--model", model, "--out", out)
    process.kill()  # a killed run holds nothing
    process.join(GENEROUS)
    assert run(films, "--model", model, "--out", out, "--resume") == 0


@pytest.mark.parametrize(
    "content",
    [
        csv_line([*COLUMNS, "mine"]) + b"a" + b"," * len(COLUMNS) + b"\n",
        csv_line([*COLUMNS[::-1]]),
        b"\xef\xbb\xbf" + csv_line(COLUMNS) + b"a\n",
        csv_line(COLUMNS)[:-1] + b"\r\n",
        csv_line(COLUMNS).decode().encode("utf-16"),
        csv_line(COLUMNS).replace(b",", b";"),
        b"\n" + csv_line(COLUMNS),
        b"file,mark,order\na.png,normal,random\n",
        b"PK\x03\x04 a workbook",
        b" ",
    ],
    ids=["one more column", "another order", "a byte order mark", "Windows lines", "UTF-16",
         "semicolons", "an empty line first", "marks", "a workbook", "a space"],
)  # fmt: skip
def test_a_table_with_foreign_columns_is_kept(content, model, films, tmp_path, capsys):
    out = tmp_path / "s.csv"
    out.write_bytes(content)
    for flags in ([], ["--resume"]):
        assert run(films, "--model", model, "--out", out, *flags) == 2
        assert "is not a score table" in capsys.readouterr().err
    assert out.read_bytes() == content


def a_folder(path):
    path.mkdir()


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)  # names of sockets are short
        made.bind(path.name)


def a_circle(path):
    path.symlink_to(path)


def a_link_to_nowhere(path):
    path.symlink_to(path.parent / "gone/there.csv")


@pytest.mark.parametrize("thing", [a_folder, a_socket, a_circle, a_link_to_nowhere])
def test_what_is_no_file_is_one_line(thing, model, films, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing(tmp_path / "scores.csv")
    before = os.lstat(tmp_path / "scores.csv")
    assert run(films, "--model", model, "--out", tmp_path / "scores.csv", "--overwrite") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "scores.csv" in told
    assert os.lstat(tmp_path / "scores.csv").st_ino == before.st_ino
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "films/03.png/s.csv"])
def test_a_name_that_cannot_be_is_one_line(name, model, films, tmp_path, capsys):
    before = (films / "03.png").read_bytes()
    assert run(films, "--model", model, "--out", tmp_path / name) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert (films / "03.png").read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(model, films, tmp_path, capsys):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    for option, out in (("--out", locked / "s.csv"), ("--maps", locked / "maps")):
        rest = () if option == "--out" else ("--out", tmp_path / "s.csv")
        assert run(films, "--model", model, option, out, *rest) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert str(locked) in told
    assert not list(locked.iterdir())


def test_outputs_inside_the_input_are_no_films_of_the_next_run(model, films, tmp_path, capsys):
    arguments = (films, "--model", model, "--out", films / "s.csv", "--maps", films / "maps")
    assert run(*arguments) == 0
    first = (films / "s.csv").read_bytes()
    assert run(*arguments) == 0
    assert (films / "s.csv").read_bytes() == first
    assert first.count(b"\n") == FILMS + 1


def test_what_the_kit_drew_is_no_film_wherever_it_lies(model, tmp_path, capsys):
    root = tmp_path / "set"
    for index in range(30):
        trees.film(root / f"train/normal/{index}.png")
    trees.film(root / "test/normal/n.png")
    trees.film(root / "test/mass/m.png")
    before = [film.path for film in chosen("folder", root)[0].films]
    normal = root / "train/normal"
    assert run(normal, "--model", model, "--out", normal / "s.csv", "--maps", normal) in (0, 1)
    checked = ["check", "--dataset", "folder", "--data-root", str(root), "--out", str(normal)]
    assert run_command(lambda: data_command(checked)) == 0
    assert (normal / "contact_sheet.png").exists()
    assert [film.path for film in chosen("folder", root)[0].films] == before
    assert run(normal, "--model", model, "--out", tmp_path / "t.csv") in (0, 1)
    assert (tmp_path / "t.csv").read_bytes().count(b"\n") == 30 + 1


@pytest.mark.parametrize("name", ["config", "calibration"])
def test_a_report_never_goes_over_the_model_that_it_is_of(name, model, tmp_path, capsys):
    before = (model / f"{name}.json").read_bytes()
    told = [f"--model={model}", f"--out={model / name}.json", "--overwrite",
            "--dataset=folder", "--data-root=gone"]  # fmt: skip
    assert run_command(lambda: evaluate(told)) == 2
    assert "which this command reads" in capsys.readouterr().err
    assert (model / f"{name}.json").read_bytes() == before


def test_marks_and_scores_never_take_each_others_place(model, films, tmp_path, capsys):
    scores, again = tmp_path / "s.csv", tmp_path / "again.csv"
    assert run(films, "--model", model, "--out", scores) == 0
    again.write_bytes(scores.read_bytes())
    for marks in (scores, again, films / "03.png"):
        before = Path(marks).read_bytes()
        asked = [str(scores), "--face", "summary", "--marks", str(marks)]
        assert run_command(lambda asked=asked: review(asked)) == 2
        assert Path(marks).read_bytes() == before
