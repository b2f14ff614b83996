from __future__ import annotations

import csv
import os
import random
import stat
import threading
import time
import tracemalloc

import pytest

from simsid.marks import scored_rows
from simsid.review import rows_to_review
from simsid.scoring import film as film_scoring
from simsid.scoring.table import COLUMNS, TableWriter, earlier_rows, read_table
from tests.simsid.scoring.conftest import FILMS, child, run
from tests.waiting import GENEROUS, wait_until

FORMER = (
    "file,score,percentile,p_value,verdict,false_alarm_rate,rate_low,rate_high,num_normals,"
    "population,status,message,model"
)
SEED, KILLS = 0, int(os.environ.get("SIMSID_KILLS", "12"))


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def a_row(file):
    return {**dict.fromkeys(COLUMNS, ""), "file": file}


@pytest.fixture
def stopped(model, films, tmp_path, monkeypatch, capsys):
    """A table of 8 films that Ctrl-C left, the command that made it, and the whole table."""
    command = (films, "--model", model, "--batch-size", 8)
    assert run(*command, "--out", tmp_path / "whole.csv") == 0
    read, seen = film_scoring.decode_untrusted, []

    def until_the_ninth(data, name):
        if len(seen) == 8:
            raise KeyboardInterrupt
        seen.append(name)
        return read(data, name)

    with monkeypatch.context() as patch:
        patch.setattr(film_scoring, "decode_untrusted", until_the_ninth)
        assert run(*command, "--out", tmp_path / "s.csv") == 130
    assert "8 of 24 films" in capsys.readouterr().err
    return tmp_path / "s.csv", command, tmp_path / "whole.csv"


def test_a_stop_leaves_what_was_done_and_resume_finishes_it(stopped):
    out, command, whole = stopped
    assert [row["status"] for row in rows_of(out)] == ["ok"] * 8
    assert run(*command, "--out", out, "--resume") == 0
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_line_that_was_cut_short_is_written_again(stopped, cut):
    out, command, whole = stopped
    out.write_bytes(out.read_bytes()[:-cut])
    assert run(*command, "--out", out, "--resume") == 0
    assert out.read_bytes() == whole.read_bytes()


def test_resume_begins_a_table_that_is_not_there_and_leaves_a_whole_one_alone(stopped, tmp_path):
    _, command, whole = stopped
    assert run(*command, "--out", tmp_path / "new.csv", "--resume") == 0
    assert run(*command, "--out", tmp_path / "new.csv", "--resume") == 0
    assert (tmp_path / "new.csv").read_bytes() == whole.read_bytes()


def test_resume_refuses_another_model_other_options_and_other_films(
    stopped, data, model, films, capsys
):
    out, command, _ = stopped
    before = out.read_bytes()
    assert run(*command, "--out", out, "--resume", "--score", "brightness") == 2
    (films / "00.png").rename(films / "renamed.png")
    assert run(*command, "--out", out, "--resume") == 2
    (model / "calibration.json").write_text(
        (model / "calibration.json").read_text().replace("0.05", "0.06")
    )
    assert run(*command, "--out", out, "--resume") == 2
    told = capsys.readouterr().err
    assert told.count("another model or other options") == 2
    assert "00.png, which is not among the films" in told
    assert out.read_bytes() == before


def test_resume_refuses_other_columns_and_damaged_rows(model, films, tmp_path, capsys):
    earlier, torn = tmp_path / "earlier.csv", tmp_path / "torn.csv"
    earlier.write_text(FORMER + "\na\n")
    torn.write_text(",".join(COLUMNS) + "\na,b\nc\n")
    for out, words in ((earlier, "other columns"), (torn, "damaged")):
        before = out.read_text()
        assert run(films, "--model", model, "--out", out, "--resume") == 2
        assert words in capsys.readouterr().err
        assert out.read_text() == before


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n", b"file;score\n", b"name,score\na,1\n", b"{}", b"\xff\xfe"]
)
@pytest.mark.parametrize("flags", [[], ["--resume"]])
def test_a_file_that_is_no_score_table_is_refused_and_kept(
    content, flags, model, films, tmp_path, capsys
):
    out = tmp_path / "mine.csv"
    out.write_bytes(content)
    assert run(films, "--model", model, "--out", out, *flags) == 2
    assert f"--out {out} exists and is not a score table" in capsys.readouterr().err
    assert out.read_bytes() == content
    if not flags:
        assert run(films, "--model", model, "--out", out, "--overwrite") == 0
        assert len(rows_of(out)) == FILMS


def test_a_film_is_never_written_over_even_with_overwrite(model, films, capsys):
    before = (films / "03.png").read_bytes()
    assert run(films, "--model", model, "--out", films / "03.png", "--overwrite") == 2
    assert "is one of the files to score" in capsys.readouterr().err
    assert (films / "03.png").read_bytes() == before


def test_a_table_of_an_earlier_version_is_written_over_where_the_user_says_so(
    model, films, tmp_path
):
    out = tmp_path / "s.csv"
    out.write_text(FORMER + "\n" + "x," * 12 + "\n")
    assert run(films, "--model", model, "--out", out) == 2
    assert run(films, "--model", model, "--out", out, "--overwrite") == 0
    assert len(rows_of(out)) == FILMS


def test_an_earlier_table_is_looked_through_in_little_memory(tmp_path):
    table, count = tmp_path / "s.csv", 5000
    with TableWriter(table) as writer:
        told = {"message": 'a "quoted"\nline', "model": "0123456789ab"}
        writer.append([a_row(f"{at}.png") | told for at in range(count)])
    with table.open("ab") as file:
        file.write(b'cut.png,"a\n')
    tracemalloc.start()
    rows = sum(row["message"] == told["message"] for row in earlier_rows(table))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == count
    assert most < table.stat().st_size


def test_a_link_stays_and_its_target_is_written(model, films, tmp_path):
    target, link, film = tmp_path / "real.csv", tmp_path / "link.csv", tmp_path / "film.csv"
    link.symlink_to(target)
    film.symlink_to(films / "00.png")
    assert run(films, "--model", model, "--out", link) == 0
    assert link.is_symlink()
    assert len(rows_of(target)) == FILMS
    assert run(films, "--model", model, "--out", film) == 2
    assert film.is_symlink()


def test_a_pipe_is_written_to_and_stays(model, films, tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    assert run(films, "--model", model, "--out", pipe) == 0
    reader.join(GENEROUS)
    assert read[0].count("\n") == FILMS + 1
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert run(films, "--model", model, "--out", pipe, "--resume") == 2


def test_a_table_of_a_version_that_called_the_model_otherwise_is_finished_as_it_began(
    stopped, monkeypatch
):
    out, command, whole = stopped
    now = rows_of(out)[0]["model"].encode()
    for table in (out, whole):
        table.write_bytes(table.read_bytes().replace(now, b"0123456789ab"))
    assert run(*command, "--out", out, "--resume") == 2
    monkeypatch.setattr(
        "simsid.detectors.model_folder.former_fingerprint", lambda detector: "0123456789ab"
    )
    assert run(*command, "--out", out, "--resume") == 0
    assert out.read_bytes() == whole.read_bytes()


def test_a_table_that_was_begun_before_two_columns_came_is_finished_and_reviewed_without_them(
    stopped,
):
    out, command, whole = stopped
    before = [name for name in COLUMNS if name not in ("looks_like", "judged_as")]
    expected = [{name: row[name] for name in before} for row in rows_of(whole)]
    with TableWriter(out, columns=before) as table:
        table.append(expected[:8])
    assert out.read_bytes().splitlines()[0] == ",".join(before).encode()
    assert run(*command, "--out", out, "--resume") == 0
    assert rows_of(out) == expected and len(expected) == FILMS
    assert [row["file"] for row in scored_rows(out)] == [row["file"] for row in expected]
    assert len(rows_to_review(out)[1]) == FILMS
    out.write_bytes(out.read_bytes()[:40])  # a header that a kill cut short
    assert run(*command, "--out", out, "--resume") == 0
    assert out.read_bytes() == whole.read_bytes()


def test_a_full_disk_is_told_with_the_file_and_can_be_resumed(model, films, tmp_path, capfd):
    command = (films, "--model", model, "--batch-size", 2)
    assert run(*command, "--out", tmp_path / "whole.csv") == 0
    size = (tmp_path / "whole.csv").stat().st_size
    process = child(*command, "--out", tmp_path / "s.csv", most_bytes=size // 2)
    process.join(GENEROUS)
    assert process.exitcode == 2
    told = capfd.readouterr().err
    assert f"{tmp_path / 's.csv'}: File too large" in told
    assert "--resume" in told
    kept, length = read_table(tmp_path / "s.csv")
    assert 0 < len(kept) < FILMS
    assert length == (tmp_path / "s.csv").stat().st_size
    assert run(*command, "--out", tmp_path / "s.csv", "--resume") == 0
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_no_space_left_names_the_device_and_leaves_it(model, films, capsys):
    assert run(films, "--model", model, "--out", "/dev/full") == 2
    assert "/dev/full: No space left on device" in capsys.readouterr().err
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_table_on_standard_output_is_a_table_and_nothing_else(model, films, capfd):
    assert run(films, "--model", model, "--out", "/dev/stdout") == 0
    told = capfd.readouterr()
    assert told.out.count("\n") == FILMS + 1
    assert "24 of 24 images scored" in told.err


def test_sigterm_stops_as_an_interrupt_does(model, films, tmp_path, monkeypatch):
    read = film_scoring.decode_untrusted

    def ever_slower(data, name):
        if int(name[:2]) > 8:
            time.sleep(0.5)  # the signal comes before the last film, on a loaded machine too
        return read(data, name)

    monkeypatch.setattr(film_scoring, "decode_untrusted", ever_slower)
    process = child(films, "--model", model, "--batch-size", 1, "--out", tmp_path / "s.csv")
    table = tmp_path / "s.csv"
    wait_until(lambda: table.exists() and table.read_bytes().count(b"\n") > 2)  # one may be cut off
    process.terminate()
    process.join(GENEROUS)
    assert process.exitcode == 130
    assert 0 < len(rows_of(tmp_path / "s.csv")) < FILMS


@pytest.mark.parametrize(
    "name", ['a"b', "line\nbreak", "cr\rname", "comma,", "שלום", "$x_1^2$", " "]
)
def test_any_name_survives_the_table(name, tmp_path):
    with TableWriter(tmp_path / "s.csv") as table:
        table.append([a_row(name), a_row("next")])
    rows, _ = read_table(tmp_path / "s.csv")
    assert [row["file"] for row in rows] == [name, "next"]
    content = (tmp_path / "s.csv").read_bytes()
    (tmp_path / "s.csv").write_bytes(content[:-3])
    rows, _ = read_table(tmp_path / "s.csv")
    assert [row["file"] for row in rows] == [name]


def wait_for_rows(table, process):
    """Until the first row is on the disk, or the run is over."""
    while process.is_alive() and not (table.exists() and table.read_bytes().count(b"\n") > 1):
        time.sleep(0.001)
    return time.monotonic()


@pytest.mark.soak
def test_a_run_that_is_killed_at_any_moment_is_resumed_to_an_equal_table(
    model, films, tmp_path, monkeypatch
):
    read = film_scoring.decode_untrusted

    def slowly(data, name):
        time.sleep(0.02)  # as from a busy disk, so that rows come one after another
        return read(data, name)

    monkeypatch.setattr(film_scoring, "decode_untrusted", slowly)
    command = (films, "--model", model, "--batch-size", 2, "--maps", tmp_path / "maps")
    process = child(*command, "--out", tmp_path / "whole.csv")
    first = wait_for_rows(tmp_path / "whole.csv", process)
    process.join(120)
    assert process.exitcode == 0
    seconds, whole = time.monotonic() - first, (tmp_path / "whole.csv").read_bytes()
    moments, found = random.Random(SEED), []
    for number in range(KILLS):
        out = tmp_path / f"{number}.csv"
        process = child(*command, "--out", out)
        wait_for_rows(out, process)
        process.join(moments.uniform(0, seconds))
        process.kill()
        process.join(GENEROUS)
        found.append(len(read_table(out)[0]))
        process = child(*command, "--out", out, "--resume")
        process.join(120)
        assert process.exitcode == 0
        assert out.read_bytes() == whole
    half = [rows for rows in found if 0 < rows < FILMS]
    print(f"{len(half)} of {KILLS} kills met a half-written table; rows at the kill: {found}")
    assert len(half) > KILLS / 2
    assert len(set(half)) > 2  # the moments differ
