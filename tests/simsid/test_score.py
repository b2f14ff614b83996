from __future__ import annotations

import csv
import os

import numpy as np
import pytest
from PIL import Image

from simsid import score
from simsid.cli import run_command
from simsid.data import images
from simsid.detectors import load_model
from simsid.detectors.calibration import Calibration
from simsid.scoring import score_films
from tests.simsid.data.make_files import dicom, npy, picture
from tests.simsid.helpers import make_data

FEW = 6


@pytest.fixture
def films(data, tmp_path):
    """normal/0..5.png and spot/0..5.png, the same names in both folders."""
    for kind in ("normal", "spot"):
        (tmp_path / "films" / kind).mkdir(parents=True)
        chosen = data.test.images[data.test.kinds == kind][:FEW]
        for index, image in enumerate(chosen):
            Image.fromarray(image).save(tmp_path / "films" / kind / f"{index}.png")
    return tmp_path / "films"


def run(*arguments: object) -> int:
    return run_command(lambda: score.main([str(a) for a in arguments]))


def rows_of(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_scored_with_all_that_lies_below(model, films, tmp_path):
    assert run(films, "--model", model, "--out", tmp_path / "s.csv") == 0
    rows = rows_of(tmp_path / "s.csv")
    assert tuple(rows[0]) == score.COLUMNS
    assert len(rows) == 2 * FEW
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["state"] == "unusual" for row in rows if "spot" in row["file"])
    assert all(0 < float(row["p_value"]) <= 1 for row in rows)


def test_command_line_and_python_give_the_same_scores(data, model, films, tmp_path):
    run(films / "spot", "--model", model, "--out", tmp_path / "s.csv")
    images = data.test.images[data.test.kinds == "spot"][:FEW]
    expected = [film.score for film in score_films(load_model(model), images)]
    assert [float(row["score"]) for row in rows_of(tmp_path / "s.csv")] == expected


def test_a_bad_file_gets_its_row_and_the_rest_go_on(model, films, tmp_path):
    (films / "spot" / "2.png").write_bytes(b"not a picture")
    (films / "spot" / "3.png").write_bytes(b"")
    out = tmp_path / "s.csv"
    absent = films / "absent.png"
    assert run(films / "spot", absent, "--model", model, "--out", out, "--batch-size", 2) == 1
    status = {row["file"].rsplit("/", 1)[1]: row["status"] for row in rows_of(out)}
    assert status["2.png"] == "not_an_image"
    assert status["3.png"] == "empty"
    assert status["absent.png"] == "missing"
    assert [status[f"{i}.png"] for i in (0, 1, 4, 5)] == ["ok"] * 4
    assert all(row["message"] for row in rows_of(out) if row["status"] != "ok")


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_file_name_that_is_no_text_costs_nobody_the_table(model, films, tmp_path):
    odd = films / "spot" / os.fsdecode(b"b\xff.png")
    odd.write_bytes(b"not a picture")
    assert run(films / "spot", "--model", model, "--out", tmp_path / "s.csv") == 1
    rows = rows_of(tmp_path / "s.csv")
    assert len(rows) == FEW + 1
    assert any(row["file"].endswith("b\\udcff.png") for row in rows)


def test_a_stranger_s_file_is_never_decoded_in_this_process(model, films, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "decode_film", lambda *a: pytest.fail("decoded here"))
    assert run(films / "spot", "--model", model, "--out", tmp_path / "s.csv") == 0


def test_a_film_scores_the_same_as_png_dicom_and_numpy_file(data, model, tmp_path):
    film = data.test.images[0]
    (tmp_path / "films").mkdir()
    for name, content in {"a.png": picture(film), "b.dcm": dicom(film), "c.npy": npy(film)}.items():
        (tmp_path / "films" / name).write_bytes(content)
    assert run(tmp_path / "films", "--model", model, "--out", tmp_path / "s.csv") == 0
    rows = rows_of(tmp_path / "s.csv")
    assert [row["status"] for row in rows] == ["ok"] * 3
    scores = [float(row["score"]) for row in rows]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-3)


def test_globs_are_expanded_and_a_file_given_twice_is_scored_once(model, films, tmp_path):
    out = tmp_path / "s.csv"
    one = films / "normal" / "1.png"
    assert run(films / "*" / "[01].png", one, "--model", model, "--out", out) == 0
    assert len(rows_of(out)) == 4


def test_maps_of_equal_names_in_other_folders_do_not_meet(model, films, tmp_path):
    maps = tmp_path / "films" / "maps"
    out = tmp_path / "s.csv"
    arguments = (films, "--model", model, "--out", out, "--maps", maps, "--map-arrays")
    assert run(*arguments) == 0
    assert len(list(maps.rglob("*.map.png"))) == 2 * FEW
    assert np.load(maps / "spot" / "0.png.map.npy").shape == (32, 32)
    with Image.open(maps / "spot" / "0.png.map.png") as picture:
        assert picture.size == (32, 32)
        assert picture.mode == "RGB"
    assert run(*arguments) == 0  # the maps themselves are not scored
    assert len(rows_of(out)) == 2 * FEW


TO = ("--model", "model", "--out", "s.csv")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["films/none/*.png", "--model", "model", "--out", "s.csv"],
            "no file matches films/none/*",
        ),
        (
            ["nowhere", "--model", "model", "--out", "s.csv"],
            "nowhere does not exist; check the path",
        ),
        (["empty", "--model", "model", "--out", "s.csv"], "empty holds no image; it reads PNG, "),
        (["films", "--model", "gone", "--out", "s.csv"], "no model folder"),
        (["films", "--model", "model"], "out"),
        (["films", "--model", "model", "--out", "s.csv", "--bogus"], "bogus"),
        (["films", "--model", "model", "--out", "films"], "is a folder"),
        (["films", "--model", "model", "--out", "s.csv", "--score", "best"], "must be one of"),
        (["films", "--model", "model", "--out", "s.csv", "--batch-size", "0"], "at least 1"),
        (["films", *TO, "--map-arrays"], "--map-arrays belongs to --maps: name the folder"),
        (["films", *TO, "--shard-format", "parquet"], "add --shard-rows 100000"),
        (["films", *TO, "--shard-rows", "5", "--store"], "belong to --dicomweb: name the server"),
    ],
)
def test_bad_usage_is_told_in_one_line_before_scoring(
    arguments, words, model, films, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("simsid.scoring.film.decode_untrusted", lambda *a: pytest.fail("scored"))
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "s.csv").exists()


def test_a_run_that_is_stopped_before_its_first_row_leaves_the_old_table(
    model, films, tmp_path, monkeypatch
):
    out = tmp_path / "s.csv"
    run(films / "spot", "--model", model, "--out", out)
    old = out.read_text()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("simsid.scoring.film.decode_untrusted", stop)
    assert run(films, "--model", model, "--out", out) == 130
    assert out.read_text() == old
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".s.csv")]


def test_a_table_whose_rows_would_be_lost_is_kept_unless_the_user_says_so(
    model, films, tmp_path, capsys
):
    out = tmp_path / "s.csv"
    spots = (films / "spot", "--model", model, "--out", out)
    assert run(*spots) == 0
    old = out.read_bytes()
    assert run(films / "normal", "--model", model, "--out", out) == 2
    error = capsys.readouterr().err
    words = f"holds {FEW} rows of an earlier run of films that are not among those to score ("
    assert f"{words}{films}/spot/0.png)" in error
    assert "--overwrite" in error
    assert run(*spots, "--score", "brightness") == 2
    assert "another model or other options" in capsys.readouterr().err
    assert out.read_bytes() == old
    assert run(*spots) == 0  # the same rows again
    assert out.read_bytes() == old
    assert run(films, "--model", model, "--out", out) == 0  # and more
    assert len(rows_of(out)) == 2 * FEW
    assert run(*spots, "--score", "brightness", "--overwrite") == 0
    assert len(rows_of(out)) == FEW


def test_what_a_kill_left_is_told_by_its_whole_rows(model, films, tmp_path, capsys):
    out, spots = tmp_path / "s.csv", films / "spot"
    assert run(spots, "--model", model, "--out", out) == 0
    whole = out.read_bytes()
    second = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for end in (second, second + 40):
        out.write_bytes(whole[:end])
        assert run(films / "normal", "--model", model, "--out", out) == 2
        told = f"holds 1 row of an earlier run of films that are not among those to score ({spots}"
        assert told in capsys.readouterr().err
        assert run(spots, "--model", model, "--out", out) == 0
        assert out.read_bytes() == whole


def test_a_table_that_names_no_model_is_kept(model, films, tmp_path, capsys):
    out = tmp_path / "s.csv"
    columns = "file,score,percentile,p_value,verdict,false_alarm_rate,rate_low,rate_high,"
    out.write_text(f"{columns}num_normals,population,status,message\na.png,1,,,,,,,,,ok,\n")
    assert run(films, "--model", model, "--out", out) == 2
    told = "holds 1 row of an earlier run that does not say with which model it was made: "
    assert told in capsys.readouterr().err


def test_images_of_any_size_are_brought_to_the_model_s(detector):
    large = make_data(size=80).test.images[:3]
    films = score_films(detector, [*large, large[0][:50]])
    assert [film.image.shape for film in films] == [detector.image_size] * 4


def test_too_few_calibration_normals_give_undecided(data, detector):
    few = {name: values[:4] for name, values in detector.calibration.scores.items()}
    detector.calibration = Calibration(few, 0.05)
    films = score_films(detector, data.test.images[:2])
    assert [film.state for film in films] == ["too few normals: no verdict"] * 2
