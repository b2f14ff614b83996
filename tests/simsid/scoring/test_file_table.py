import numpy as np
import pytest

from simsid.data.file_table import files_of_table
from simsid.detectors.findings import (
    ANOTHER,
    ANOTHER_CODE,
    REFUSE,
    WARN,
    Finding,
    reason_of,
    told_by,
)
from simsid.scoring.closing import ClosingReport
from simsid.scoring.table import read_table
from simsid.scoring.verdicts import (
    ANOTHER_POPULATION,
    BORDERLINE,
    NOT_A_FILM,
    NOTHING_UNUSUAL,
    TOO_FEW_NORMALS,
    UNUSUAL,
)
from tests.simsid.scoring.conftest import FILMS, run


def write_parquet(path, names):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"age": [1] * len(names), "path": names}), path)


def write_csv(path, names):
    path.write_text("age,file\n" + "".join(f"1,{name}\n" for name in names), encoding="utf-8-sig")


@pytest.mark.parametrize(("write", "name"), [(write_csv, "l.csv"), (write_parquet, "l.parquet")])
def test_films_of_a_table_score_as_in_their_folder_and_a_missing_one_has_its_row(
    write, name, model, films, tmp_path, capsys
):
    names = sorted(file.name for file in films.iterdir())
    write(films / name, [*names, "gone.png", names[0]])
    assert run("--files", films / name, "--model", model, "--out", tmp_path / "t.csv") == 1
    assert "missing: 1 (4 %): see the column message" in capsys.readouterr().out
    (films / name).unlink()
    assert run(films, "--model", model, "--out", tmp_path / "f.csv") == 0
    rows, _ = read_table(tmp_path / "t.csv")
    assert rows[:FILMS] == read_table(tmp_path / "f.csv")[0]
    assert [row["status"] for row in rows[FILMS:]] == ["missing"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", b"film\na.png\n", "has no column that names films"),
        ("l.csv", b"file\n", "l.csv"),
        ("l.parquet", b"file\na.png\n", "l.parquet"),
    ],
)
def test_a_bad_table_is_told_by_name_and_nothing_is_written(
    name, content, words, model, tmp_path, capsys
):
    (tmp_path / name).write_bytes(content)
    assert run("--files", tmp_path / name, "--model", model, "--out", tmp_path / "s.csv") == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "s.csv").exists()


def test_a_table_of_films_is_never_written_over(model, films, tmp_path, capsys):
    assert run(films, "--model", model, "--out", tmp_path / "s.csv") == 0
    before = (tmp_path / "s.csv").read_bytes()
    for flag in ("--overwrite", "--resume"):
        command = ("--files", tmp_path / "s.csv", "--model", model, "--out", tmp_path / "s.csv")
        assert run(*command, flag) == 2
        assert "is the table of --files" in capsys.readouterr().err
    assert (tmp_path / "s.csv").read_bytes() == before


def test_no_films_named_is_told(model, tmp_path, capsys):
    assert run("--model", model, "--out", tmp_path / "s.csv") == 2
    assert "give files or folders, or a table with --files" in capsys.readouterr().err


def test_the_closing_report_says_how_many_films_lie_above_high_ranks_of_normals():
    report = ClosingReport({"": np.arange(100.0)})  # median 49.5, 90th 89.1, 95th 94.05, 99th 98.01
    for score in (0.0, 60.0, 90.0, 98.0, 99.0, 1000.0) * 2:
        report.add(row(NOTHING_UNUSUAL, score, ""))
    for _ in range(3):
        report.add({"status": "truncated", "score": ""})
    lines = report.lines(5, 1.0, "ok")
    assert report.judged == 12
    assert "5.0 films a second" in lines[1]
    assert lines[2] == "truncated: 3 (20 %): see the column message"
    assert lines[3:] == [
        "12 films beside the calibration normals: 83 % score above their median (of normals 50 %), "
        "67 % above their 90th percentile (10 %), 50 % above their 95th (5 %), 33 % above their 99th (1 %)"
    ]


def test_a_rank_that_so_few_normals_do_not_have_is_not_told():
    report = ClosingReport({"": np.arange(20.0)})
    for _ in range(10):
        report.add(row(UNUSUAL, 30.0, ""))
    assert report.lines(0, 1.0, "ok")[-1].endswith("100 % above their 95th (5 %)")


@pytest.mark.parametrize(
    ("normals", "told"),
    [
        (np.arange(14.0), "14 % above their 90th percentile (14 %)"),  # edge 11.7: 12 and 13
        (np.repeat([0.0, 5.0], [80, 20]), "14 % above their 90th percentile (0 %)"),  # edge 5
    ],
)
def test_the_share_of_normals_is_that_which_lies_there(normals, told):
    report = ClosingReport({"": normals})
    for score in (*[1.0] * 12, 20.0, 21.0):
        report.add(row(NOTHING_UNUSUAL, score, ""))
    assert told in report.lines(0, 0.0, "ok")[-1]


def test_the_closing_report_says_in_words_what_came_out_and_whose_normals_judged():
    report = ClosingReport({"": np.arange(100.0)})
    states = (UNUSUAL, UNUSUAL, BORDERLINE, *[NOTHING_UNUSUAL] * 3, ANOTHER_POPULATION)
    sets = ("nih", "zhanglab", "zhanglab", "zhanglab", "nih", "zhanglab", "nih")
    for state, population in zip(states, sets, strict=True):
        report.add({"status": "ok", "score": 1.0, "state": state, "population": population})
    report.add(
        {"status": "inverted", "score": "", "state": NOT_A_FILM, "message": "it is inverted"}
    )
    lines = report.lines(0, 0.0, "ok")
    told = "2 unusual, 1 borderline, 3 nothing unusual found, 1 no verdict, 1 not scored"
    assert lines[0] == told
    assert lines[1].startswith("4 of 6 films were judged by the normals of zhanglab (chest films")
    assert lines[2].startswith(
        "2 of 6 films were judged by the normals of nih (chest films, mostly"
    )
    assert not any("it is inverted" in line for line in lines)  # one of many: the table tells


def row(state: str, score: float, population: str, message: str = "") -> dict[str, object]:
    judged = state in (UNUSUAL, BORDERLINE, NOTHING_UNUSUAL)
    told = {"state": state, "score": score, "population": population, "message": message}
    return {"status": "ok", "p_value": 0.5 if judged else ""} | told


def test_films_are_laid_beside_the_normals_that_judge_them():
    report = ClosingReport({"nih": np.arange(100.0), "zhanglab": np.arange(100.0) / 100})
    for _ in range(30):
        report.add(row(NOTHING_UNUSUAL, 0.5, "zhanglab"))
    for _ in range(9):
        report.add(row(UNUSUAL, 200.0, "nih"))
    lines = report.lines(0, 0.0, "ok")  # nine films of nih are too few to be laid out
    assert [line.split()[0] for line in lines if " films beside " in line] == ["30"]
    report.add(row(UNUSUAL, 200.0, "nih"))
    report.add(row(ANOTHER_POPULATION, 0.5, "nih", "another population: it differs"))
    lines = report.lines(0, 0.0, "ok")
    nih, zhanglab = (line for line in lines if " films beside " in line)
    assert nih.startswith(
        "10 films beside the calibration normals of nih ("
    )  # no stranger is there
    assert nih.endswith("100 % above their 99th (1 %)")
    assert zhanglab.startswith("30 films beside the calibration normals of zhanglab (")
    assert "100 % score above their median" in zhanglab and "0 % above their 90th" in zhanglab


def test_the_commonest_reasons_for_no_verdict_are_told_with_counts():
    report = ClosingReport({"": np.arange(100.0)})
    another = "another population: it differs"
    for notes in ("", "", "; its pixels are inverted"):
        report.add(row(ANOTHER_POPULATION, 1.0, "", another + notes))
    report.add(row(NOT_A_FILM, 1.0, "", "out of place (noise): it looks like noise"))
    report.add(row(TOO_FEW_NORMALS, 1.0, ""))
    for _ in range(2):
        refused = row(NOT_A_FILM, 1.0, "", "out of place (not_frontal): it is no frontal view")
        report.add(refused | {"score": "", "status": "not_frontal"})
    lines = report.lines(0, 0.0, "ok")
    assert lines[0] == "5 no verdict, 2 not scored"
    assert lines[1] == f"no verdict: 3, {another}"
    assert "no verdict: 1, out of place (noise): it looks like noise" in lines
    assert "no verdict: 1, too few normals" in lines
    assert "not_frontal: 2 (28.6 %): it is no frontal view" in lines


def test_reasons_of_one_code_that_say_something_else_are_counted_apart():
    report = ClosingReport({"": np.arange(100.0)})
    for said, films in (("it differs from the 60 normals too", 23), ("it looks like another", 2)):
        for _ in range(films):
            doubt = Finding(ANOTHER_CODE, ANOTHER, said)
            report.add(row(ANOTHER_POPULATION, 1.0, "", reason_of(doubt)))
    assert report.lines(0, 0.0, "ok") == [
        "25 no verdict",
        "no verdict: 23, another population: it differs from the 60 normals too",
        "no verdict: 2, another population: it looks like another",
    ]


def test_reasons_are_counted_by_their_code_and_told_in_the_words_of_the_first_film():
    report = ClosingReport({"": np.arange(100.0)})
    doubts = [Finding("noise", WARN, f"of a spread of 0.{i}") for i in (7, 8, 9)]
    for doubt in (*doubts, Finding(ANOTHER_CODE, ANOTHER, "it differs: look")):
        assert told_by(f"{reason_of(doubt)}") == (doubt.code, doubt.message)
        report.add(row(NOT_A_FILM, 1.0, "", reason_of(doubt)))
    for i in (1, 2):
        said = reason_of(Finding("turned_left", REFUSE, f"it is turned (by {i}): turn it"))
        report.add(row(NOT_A_FILM, 1.0, "", said) | {"score": "", "status": "turned_left"})
    lines = report.lines(0, 0.0, "ok")
    assert lines[1:] == [
        "no verdict: 3, out of place (noise): of a spread of 0.7",
        "no verdict: 1, another population: it differs: look",
        "turned_left: 2 (33.3 %): it is turned (by 1): turn it",
    ]
    assert told_by("the score stands, its map was not written: out of place (x): y") is None


def test_one_film_that_is_not_scored_is_told_why():
    report = ClosingReport({"": np.arange(100.0)})
    report.add(
        {"status": "inverted", "score": "", "state": NOT_A_FILM, "message": "it is\x1b inverted"}
    )
    assert report.lines(1, 1.0, "ok")[:2] == ["1 not scored", "it is\\x1b inverted"]


def test_a_table_as_a_german_spreadsheet_saves_it(tmp_path):
    (tmp_path / "l.csv").write_bytes("Alter;File\r\n7;größe.png\r\n8;b, c.png\r\n".encode("cp1252"))
    assert files_of_table(tmp_path / "l.csv") == [tmp_path / "größe.png", tmp_path / "b, c.png"]
