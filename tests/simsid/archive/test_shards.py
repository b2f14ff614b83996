"""Shards are whole after any kill, and equal to those of a run that nobody stopped."""

from __future__ import annotations

import csv
import os
import random
import time

import pytest

from simsid.archive import shards as archive_shards
from simsid.archive.shard_files import SHARD_COLUMNS
from simsid.errors import SimsidError
from simsid.review import rows_to_review
from simsid.scoring import film as film_scoring
from simsid.scoring.table import TableWriter, read_table
from tests.simsid.archive.test_films import write_tar
from tests.simsid.scoring.conftest import FILMS, child, run
from tests.waiting import GENEROUS

BEFORE = [name for name in SHARD_COLUMNS if name not in ("looks_like", "judged_as")]
FORMATS = ["csv", "parquet"]
SEED, KILLS = 0, int(os.environ.get("SIMSID_KILLS", "12"))


def command(films, model, out, *more):
    return (films, "--model", model, "--batch-size", 4, "--shard-rows", 7, "--out", out, *more)


def shards_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*part-*"))}


def rows_of(folder):
    if list(folder.glob("part-*.parquet")):
        parquet = pytest.importorskip("pyarrow.parquet")
        return [r for f in sorted(folder.glob("part-*")) for r in parquet.read_table(f).to_pylist()]
    rows = []
    for file in sorted(folder.glob("part-*")):
        with open(file, newline="", encoding="utf-8") as text:
            rows += list(csv.DictReader(text))
    return rows


def stop_at(monkeypatch, count):
    """``decode_untrusted`` is interrupted at its film of this number."""
    decode, seen = film_scoring.decode_untrusted, []

    def until(data, told):
        if len(seen) == count:
            raise KeyboardInterrupt
        seen.append(told)
        return decode(data, told)

    monkeypatch.setattr(film_scoring, "decode_untrusted", until)


def test_shards_hold_the_rows_of_the_one_table_each_with_a_place_for_an_id(model, films, tmp_path):
    assert run(*command(films, model, tmp_path / "s")) == 0
    assert run(films, "--model", model, "--batch-size", 4, "--out", tmp_path / "s.csv") == 0
    parts = [read_table(file, SHARD_COLUMNS)[0] for file in sorted((tmp_path / "s").glob("*.csv"))]
    assert [len(part) for part in parts] == [7, 7, 7, 3]
    expected = [{"id": "", **row} for row in read_table(tmp_path / "s.csv")[0]]
    assert [row for part in parts for row in part] == expected


def test_parquet_shards_have_numbers_and_no_table_stays_beside_them(model, films, tmp_path):
    (films / "03.png").write_bytes(b"no picture")
    assert run(*command(films, model, tmp_path / "s", "--shard-format", "parquet")) == 1
    assert {path.suffix for path in (tmp_path / "s").glob("*part-*")} == {".parquet"}
    rows = rows_of(tmp_path / "s")
    assert len(rows) == FILMS
    assert rows[3]["status"] == "not_an_image" and rows[3]["score"] is None
    assert isinstance(rows[0]["score"], float) and isinstance(rows[0]["num_normals"], int)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("count", [0, 9, 15])
def test_a_stopped_run_is_resumed_to_equal_shards(
    kind, count, model, films, tmp_path, monkeypatch, capsys
):
    more = ("--shard-format", kind)
    assert run(*command(films, model, tmp_path / "whole", *more)) == 0
    with monkeypatch.context() as patch:
        stop_at(patch, count)
        assert run(*command(films, model, tmp_path / "s", *more)) == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert run(*command(films, model, tmp_path / "s", *more, "--resume")) == 0
    assert shards_of(tmp_path / "s") == shards_of(tmp_path / "whole")
    assert run(*command(films, model, tmp_path / "s", *more, "--resume")) == 0  # nothing is left
    assert shards_of(tmp_path / "s") == shards_of(tmp_path / "whole")


def test_a_kill_between_a_parquet_shard_and_its_table_loses_nothing(
    model, films, tmp_path, monkeypatch
):
    pytest.importorskip("pyarrow")
    more = ("--shard-format", "parquet")
    assert run(*command(films, model, tmp_path / "whole", *more)) == 0
    write = archive_shards._to_parquet

    def killed_before(table, whole):
        raise KeyboardInterrupt

    def killed_after(table, whole):
        kept = table.read_bytes()
        write(table, whole)
        table.write_bytes(kept)
        raise KeyboardInterrupt

    for number, killed in enumerate((killed_before, killed_after)):
        out = tmp_path / f"s{number}"
        with monkeypatch.context() as patch:
            patch.setattr(archive_shards, "_to_parquet", killed)
            assert run(*command(films, model, out, *more)) == 130
        assert run(*command(films, model, out, *more, "--resume")) == 0
        assert shards_of(out) == shards_of(tmp_path / "whole")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_is_told_with_the_file_and_the_remedy(kind, model, films, tmp_path, capfd):
    more = ("--shard-format", kind)
    assert run(*command(films, model, tmp_path / "whole", *more)) == 0
    process = child(*command(films, model, tmp_path / "s", *more), most_bytes=1500)
    process.join(GENEROUS)
    assert process.exitcode == 2
    told = capfd.readouterr().err
    assert "File too large; make room: " in told and "part-00000" in told
    assert "the same command with --resume goes on" in told
    assert run(*command(films, model, tmp_path / "s", *more, "--resume")) == 0
    assert shards_of(tmp_path / "s") == shards_of(tmp_path / "whole")


def test_shards_of_a_version_that_called_the_model_otherwise_are_finished_as_they_began(
    model, films, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr("simsid.detectors.model_folder.fingerprint", lambda detector: "0123456789ab")
        assert run(*command(films, model, tmp_path / "whole")) == 0
        stop_at(patch, 9)
        assert run(*command(films, model, tmp_path / "s")) == 130
    assert run(*command(films, model, tmp_path / "s", "--resume")) == 2
    monkeypatch.setattr(
        "simsid.detectors.model_folder.former_fingerprint", lambda detector: "0123456789ab"
    )
    assert run(*command(films, model, tmp_path / "s", "--resume")) == 0
    assert shards_of(tmp_path / "s") == shards_of(tmp_path / "whole")


def as_it_was_before_two_columns(folder):
    """The shards as versions wrote them that had no ``looks_like`` and no ``judged_as``."""
    for shard in sorted(folder.glob("part-*")):
        if shard.suffix == ".parquet":
            parquet = pytest.importorskip("pyarrow.parquet")
            parquet.write_table(
                parquet.read_table(shard).drop_columns(["looks_like", "judged_as"]), shard
            )
        else:
            rows, _ = read_table(shard, SHARD_COLUMNS)
            shard.unlink()
            with TableWriter(shard, columns=BEFORE) as table:
                table.append(rows)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("count", [14, 17])  # films of the last run: whole shards, and a short one
def test_shards_of_before_two_columns_are_finished_and_reviewed_without_them(
    kind, count, model, films, tmp_path
):
    out, more = tmp_path / "s", ("--shard-format", kind)
    for film in sorted(films.iterdir())[19:]:
        film.unlink()
    later = sorted(films.iterdir())[count:]
    assert run(*command(films, model, tmp_path / "whole", *more)) == 0
    for film in later:
        film.rename(tmp_path / film.name)
    assert run(*command(films, model, out, *more)) == 0
    as_it_was_before_two_columns(out)
    for film in later:
        (tmp_path / film.name).rename(film)
    assert run(*command(films, model, out, *more, "--resume")) == 0
    expected = [{name: row[name] for name in BEFORE} for row in rows_of(tmp_path / "whole")]
    assert rows_of(out) == expected and len(expected) == 19
    reviewed, every = rows_to_review(out)
    assert [row["file"] for row in reviewed] == [row["file"] for row in expected]
    assert len(every) == 19


@pytest.mark.parametrize("kind", FORMATS)
def test_shards_of_two_versions_in_one_folder_are_refused_and_the_odd_one_is_named(
    kind, model, films, tmp_path, capsys
):
    out, more = tmp_path / "s", ("--shard-format", kind)
    assert run(*command(films, model, out, *more)) == 0
    odd = out / f"part-00002.{kind}"
    kept = {path: path.read_bytes() for path in out.glob("part-*") if path != odd}
    as_it_was_before_two_columns(out)
    for path, content in kept.items():
        path.write_bytes(content)
    before = shards_of(out)
    assert run(*command(films, model, out, *more, "--resume")) == 2
    assert f"{odd} has other columns than" in capsys.readouterr().err
    assert shards_of(out) == before
    assert len(rows_to_review(out)[1]) == FILMS  # to look at them is no harm
    odd.write_bytes(b"no shard\n")
    with pytest.raises(SimsidError, match=rf"part-00002\.{kind} "):
        rows_to_review(out)


@pytest.mark.parametrize(
    "named", ["mistyped", "mistyped/*.png", "mistyped.tar", "empty", "--files"]
)
def test_nothing_of_an_earlier_run_goes_before_there_is_a_film(
    named, model, films, tmp_path, capsys
):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "s"
    assert run(*command(films, model, out)) == 0
    whole = shards_of(out)
    paths = ["--files", out / "part-00001.csv"] if named == "--files" else [tmp_path / named]
    assert run(*paths, *command(films, model, out, "--overwrite")[1:]) == 2
    assert shards_of(out) == whole, capsys.readouterr().err


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("stop", [False, True])
def test_films_that_come_behind_a_finished_run_fill_its_last_shard(
    kind, stop, model, films, tmp_path, monkeypatch
):
    more = ("--shard-format", kind)
    assert run(*command(films, model, tmp_path / "whole", *more)) == 0
    later = sorted(films.iterdir())[17:]
    for film in later:
        film.rename(tmp_path / film.name)
    assert run(*command(films, model, tmp_path / "s", *more)) == 0
    for film in later:
        (tmp_path / film.name).rename(film)
    if stop:
        with monkeypatch.context() as patch:
            stop_at(patch, 5)
            assert run(*command(films, model, tmp_path / "s", *more, "--resume")) == 130
    assert run(*command(films, model, tmp_path / "s", *more, "--resume")) == 0
    assert shards_of(tmp_path / "s") == shards_of(tmp_path / "whole")


@pytest.mark.parametrize("cut", [1, 40])
def test_a_row_that_was_cut_short_is_written_again(cut, model, films, tmp_path):
    assert run(*command(films, model, tmp_path / "s")) == 0
    whole = shards_of(tmp_path / "s")
    last = tmp_path / "s" / "part-00003.csv"
    last.write_bytes(last.read_bytes()[:-cut])
    assert run(*command(films, model, tmp_path / "s", "--resume")) == 0
    assert shards_of(tmp_path / "s") == whole


def test_resume_refuses_another_plan_other_films_and_a_lost_shard(model, films, tmp_path, capsys):
    out = tmp_path / "s"
    assert run(*command(films, model, out)) == 0
    whole = shards_of(out)
    assert run(*command(films, model, out, "--resume", "--batch-size", 8)) == 2
    assert "batch_size 4, not 8" in capsys.readouterr().err
    assert run(*command(films, model, out, "--resume", "--score", "brightness")) == 2
    assert "was made with model" in capsys.readouterr().err
    (films / "05.png").rename(films / "05a.png")
    assert run(*command(films, model, out, "--resume")) == 2
    assert "05.png where" in capsys.readouterr().err
    assert shards_of(out) == whole
    (films / "05a.png").rename(films / "05.png")
    (out / "part-00001.csv").unlink()
    assert run(*command(films, model, out, "--resume")) == 2
    assert "lacks shard 1" in capsys.readouterr().err


def test_a_folder_of_somebody_else_stays_and_an_earlier_run_is_asked_about(
    model, films, tmp_path, capsys
):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert run(*command(films, model, tmp_path / "mine", "--overwrite")) == 2
    assert "no shards of scores: nothing was changed" in capsys.readouterr().err
    assert run(*command(films, model, tmp_path / "s")) == 0
    (tmp_path / "s" / "part-00001 (copy).csv").write_bytes(b"somebody's own")
    whole = shards_of(tmp_path / "s")
    assert run(*command(films, model, tmp_path / "s", "--resume")) == 0
    assert run(*command(films, model, tmp_path / "s")) == 2
    assert "add --resume to finish it" in capsys.readouterr().err
    assert run(*command(films, model, tmp_path / "s", "--overwrite")) == 0
    assert shards_of(tmp_path / "s") == whole


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--maps", "m"], "goes without --maps"),
        (["--shard-rows", "0"], "at least 1"),
        (["--score", "best"], "must be one of"),
        (["--shard-format", "parquet"], "pip install pyarrow"),
    ],
)
def test_bad_usage_is_told_before_anything_is_written(
    arguments, words, model, films, tmp_path, monkeypatch, capsys
):
    if "pyarrow" in words:
        monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    assert run(*command(films, model, tmp_path / "s", *arguments)) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_what_holds_many_films_and_ray_ask_for_shards(model, films, tmp_path, capsys):
    write_tar(tmp_path / "a.tar", {"a.png": (films / "00.png").read_bytes()})
    assert run(tmp_path / "a.tar", "--model", model, "--out", tmp_path / "s.csv") == 2
    assert "holds many films: add --shard-rows" in capsys.readouterr().err
    assert run(films, "--engine", "ray", "--model", model, "--out", tmp_path / "s.csv") == 2
    assert "--engine ray writes shards" in capsys.readouterr().err
    assert run(*command(tmp_path / "a.tar", model, tmp_path / "s")) == 0
    [row] = rows_of(tmp_path / "s")
    assert row["id"] == "a" and row["status"] == "ok"


def test_a_film_that_is_not_there_has_its_row_and_no_film_at_all_is_told(
    model, films, tmp_path, capsys
):
    (films / "l.txt").write_text("gone.png\n00.png\n", encoding="utf-8")
    out = tmp_path / "s"
    arguments = ("--files", films / "l.txt", "--model", model, "--shard-rows", 5, "--out", out)
    assert run(*arguments) == 1
    assert [row["status"] for row in rows_of(out)] == ["missing", "ok"]
    (tmp_path / "empty").mkdir()
    assert run(*command(tmp_path / "empty", model, tmp_path / "e")) == 2
    assert "no image found" in capsys.readouterr().err


@pytest.mark.soak
@pytest.mark.parametrize("kind", FORMATS)
def test_a_run_that_is_killed_at_any_moment_is_resumed_to_equal_shards(
    kind, model, films, tmp_path, monkeypatch
):
    decode = film_scoring.decode_untrusted

    def slowly(data, name):
        time.sleep(0.02)
        return decode(data, name)

    monkeypatch.setattr(film_scoring, "decode_untrusted", slowly)
    more = ("--shard-format", kind)
    process = child(*command(films, model, tmp_path / "whole", *more))
    began = time.monotonic()
    process.join(120)
    assert process.exitcode == 0
    seconds, whole = time.monotonic() - began, shards_of(tmp_path / "whole")
    moments, found = random.Random(SEED), []
    for number in range(KILLS):
        out = tmp_path / f"{number}"
        process = child(*command(films, model, out, *more))
        process.join(moments.uniform(0, seconds))
        process.kill()
        process.join(GENEROUS)
        found.append(sorted(shards_of(out)) if out.exists() else [])
        process = child(*command(films, model, out, *more, "--resume"))
        process.join(120)
        assert process.exitcode == 0
        assert shards_of(out) == whole
    assert len(set(map(len, found))) > 1, found  # the moments differ
