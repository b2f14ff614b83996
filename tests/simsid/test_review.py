"""Scored films are looked at, marked, and measured by what was marked."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm

import hub
from simsid.archive.shards import ShardFolder, ShardPlan
from simsid.cli import run_command
from simsid.errors import SimsidError
from simsid.evaluation.metrics import auroc_score_interval
from simsid.marks import ABNORMAL, NORMAL, Mark, Marks, in_order, scored_rows
from simsid.recalibrate import main as recalibrate
from simsid.review import Review, ask, main, rows_to_review
from simsid.scoring.table import COLUMNS, TableWriter
from synth import DigitAnatomy

# Above 2 is called unusual; the films at 0.1 and 1.9 are marked against the model's opinion.
SCORES = [0.1, 5.0, 1.9, 2.2, 0.5, 3.0]


def row(file: str, score: float | str, state: str = "unusual", **changes: object) -> dict:
    known = {"file": file, "score": score, "threshold": 2.0, "p_value": 0.05, "state": state}
    return dict.fromkeys(COLUMNS, "") | known | {"status": "ok"} | changes


def write(table: Path, rows: list[dict]) -> Path:
    with TableWriter(table) as writer:
        writer.append(rows)
    return table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [row(f"films/{score}.png", score) for score in SCORES]
    return write(tmp_path / "scores.csv", [*rows, row("films/broken.png", "", status="corrupt")])


def names(rows: list[dict]) -> list[float]:
    return [float(each["score"]) for each in rows]


def answers(letters: Iterable[str]):
    given = iter(letters)
    return lambda question: next(given)


def test_the_most_doubtful_and_the_most_unusual_come_first_in_turn(table: Path) -> None:
    assert names(in_order(scored_rows(table), "doubtful")) == [1.9, 5.0, 2.2, 3.0, 0.5, 0.1]


def test_a_random_order_is_the_same_each_time_and_another_one(table: Path) -> None:
    rows = scored_rows(table)
    assert in_order(rows, "random") == in_order(rows, "random") != in_order(rows, "doubtful")


def test_marks_are_kept_at_once_and_the_review_goes_on_with_the_others(table: Path) -> None:
    path = table.with_suffix(".marks.csv")
    ask(Review(scored_rows(table), Marks(path)), answers("naq"))
    with open(path) as file:
        assert list(csv.reader(file)) == [
            ["file", "mark", "order"],
            ["films/1.9.png", "normal", "doubtful"],
            ["films/5.0.png", "abnormal", "doubtful"],
        ]
    again = Review(scored_rows(table), Marks(path))
    assert names(again.rows) == [2.2, 3.0, 0.5, 0.1, 1.9, 5.0]


def test_films_left_for_later_come_again_until_all_are_marked(
    table: Path, capsys: pytest.CaptureFixture
) -> None:
    review = Review(scored_rows(table), Marks(table.with_suffix(".marks.csv")))
    ask(review, answers(["", "n", "", "a", "n", "n", "", "n", "n"]))  # ends by itself: no more
    shown = [line.split() for line in capsys.readouterr().out.splitlines() if " of 6: " in line]
    assert [int(words[0]) for words in shown] == [1, 2, 3, 4, 5, 6, 1, 3, 1]
    assert len(review.marks.read()) == 6


def test_what_is_no_answer_marks_nothing_and_the_same_film_comes_again(
    table: Path, capsys: pytest.CaptureFixture
) -> None:
    review = Review(scored_rows(table), Marks(table.with_suffix(".marks.csv")))
    ask(review, answers(["next", "no idea", "abort", "Normal ", "later", "A", "Quit"]))
    out = capsys.readouterr().out
    shown = [line.split() for line in out.splitlines() if " of 6: " in line]
    assert [int(words[0]) for words in shown] == [1, 1, 1, 1, 2, 3, 4]
    assert (
        "  'no idea' marks nothing: type n or normal, a or abnormal, Enter or later, b or back, "
        "q or quit\n" in out
    )
    kept = [mark.mark for mark in review.marks.read().values()]
    assert kept == ["normal", "abnormal"]


def test_who_goes_back_sees_the_mark_and_may_change_it(
    table: Path, capsys: pytest.CaptureFixture
) -> None:
    review = Review(scored_rows(table), Marks(table.with_suffix(".marks.csv")))
    ask(review, answers(["b", "n", "", "b", "back", "a", "q"]))
    shown = [line for line in capsys.readouterr().out.splitlines() if " of 6: " in line]
    assert [int(line.split()[0]) for line in shown] == [1, 1, 2, 3, 2, 1, 2]
    assert shown[5] == "1 of 6: films/1.9.png (marked normal)"
    assert [(file, mark.mark) for file, mark in review.marks.read().items()] == [
        ("films/1.9.png", "abnormal")
    ]


def test_a_round_of_films_left_for_later_is_announced_once(
    table: Path, capsys: pytest.CaptureFixture
) -> None:
    review = Review(scored_rows(table), Marks(table.with_suffix(".marks.csv")))
    ask(review, answers(["", "n", "", "a", "n", "n", "n", "n"]))
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert lines[6:] == [
        "2 left for later, again:",
        "1 of 6: films/1.9.png",
        "3 of 6: films/2.2.png",
    ]


def test_few_marks_of_a_kind_have_counts_and_no_rate(tmp_path: Path) -> None:
    rows = [row("0.png", 4.0)]
    review = Review(
        scored_rows(write(tmp_path / "s.csv", rows)), Marks(tmp_path / "m.csv"), "blind"
    )
    review.put(review.rows[0], NORMAL)
    assert review.summary() == [
        f"1 of 1 film marked: 1 normal, 0 abnormal; marks: {tmp_path / 'm.csv'}",
        "1 of them was marked blind, before the verdict was shown",
        "AUROC: too few marks, 1 normal and 0 abnormal films; at least 5 of each",
        "of 1 normal with a verdict, above the threshold: 1; 'unusual', clear of what the threshold "
        "may be off by: 1; rates are told from 5 on",
    ]


def test_a_mark_can_be_changed_and_taken_back(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks.csv")
    marks.put('odd,"name\n.png', Mark(NORMAL, "random"))
    marks.put('odd,"name\n.png', Mark(ABNORMAL, "random"))
    assert Marks(marks.path).read() == {'odd,"name\n.png': Mark(ABNORMAL, "random")}
    marks.put('odd,"name\n.png', None)
    assert Marks(marks.path).read() == {}


def test_readers_that_mark_at_the_same_time_lose_no_mark(tmp_path: Path) -> None:
    path, files = tmp_path / "marks.csv", [f"{number}.png" for number in range(24)]
    with ThreadPoolExecutor(6) as readers:
        list(readers.map(lambda file: Marks(path).put(file, Mark(NORMAL, "random")), files))
    assert set(Marks(path).read()) == set(files)


def test_a_name_with_any_line_break_is_read_again(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks.csv")
    for name in ("a\rb.png", "a\nb.png", "a\r\nb.png"):
        marks.put(name, Mark(NORMAL, "random"))
    assert set(Marks(marks.path).read()) == {"a\rb.png", "a\nb.png", "a\r\nb.png"}


def test_films_that_were_passed_over_make_no_sample(table: Path) -> None:
    review = Review(scored_rows(table), Marks(table.with_name("m.csv")), "random")
    review.put(review.rows[0], NORMAL)
    assert review.measures()["sample"]
    review.put(review.rows[2], NORMAL)  # the second one was left for later
    assert not review.measures()["sample"]


def test_a_film_that_doubt_chose_stays_so_when_it_is_marked_again(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks.csv")
    marks.put("a.png", Mark(NORMAL, "doubtful"))
    marks.put("a.png", Mark(ABNORMAL, "random"))
    assert marks.read() == {"a.png": Mark(ABNORMAL, "doubtful")} and not marks.by_chance()


def test_a_film_that_chance_chose_stays_so_when_it_is_marked_again(table: Path) -> None:
    rows, marks = scored_rows(table), Marks(table.with_name("m.csv"))
    first, second, third = in_order(rows, "random", 3)[:3]
    blind = Review(rows, marks, "blind", seed=3)
    blind.put(first, NORMAL)
    blind.put(second, NORMAL)
    Review(rows, marks, "random").put(third, NORMAL)
    doubtful = Review(rows, marks)
    doubtful.put(first, ABNORMAL)
    doubtful.put(second, NORMAL)
    doubtful.put(third, ABNORMAL)
    assert marks.read() == {
        first["file"]: Mark(ABNORMAL, "random 3"),  # its verdict was seen
        second["file"]: Mark(NORMAL, "blind 3"),
        third["file"]: Mark(ABNORMAL, "random 3"),
    }
    assert doubtful.measures()["sample"]


def test_marks_of_one_seed_go_on_by_no_other(table: Path, capsys: pytest.CaptureFixture) -> None:
    marks = Marks(table.with_name("m.csv"))
    review = Review(scored_rows(table), marks, "blind", seed=3)
    review.put(review.rows[0], NORMAL)
    command = [str(table), "--marks", str(marks.path), "--face", "summary", "--order", "random"]
    with pytest.raises(SimsidError, match=r"was begun with --seed 3: leave out --seed"):
        main([*command, "--seed", "7"])
    for same in ([], ["--seed", "3"]):
        assert main([*command, *same]) == 0
    assert "1 of 6 films marked" in capsys.readouterr().out


def test_blind_marks_of_films_that_are_not_in_the_table_are_not_counted(table: Path) -> None:
    review = Review(scored_rows(table), Marks(table.with_name("m.csv")), "blind")
    review.put(review.rows[0], NORMAL)
    review.marks.put("elsewhere.png", Mark(NORMAL, "blind"))
    assert review.measures()["blind"] == review.measures()["normal"] == 1


def test_a_blind_review_hides_the_verdict_until_the_film_is_marked(
    table: Path, capsys: pytest.CaptureFixture
) -> None:
    rows, path = scored_rows(table), table.with_name("m.csv")
    review = Review(rows, Marks(path), "blind", seed=3)
    assert (
        names(review.rows) == names(in_order(rows, "random", 3)) != names(in_order(rows, "random"))
    )
    assert all(map(review.hides, review.rows))
    ask(review, answers("nq"))
    said = capsys.readouterr().out
    assert "score" not in said and "unusual" not in said and review.rows[1]["file"] in said
    assert [review.hides(each) for each in review.rows] == [False] + [True] * 5
    with open(path) as file:
        assert list(csv.reader(file))[1:] == [[review.rows[0]["file"], "normal", "blind 3"]]
    held = "\n".join(review.summary())
    assert "1 of 6 films marked" in held and "above the threshold" not in held
    assert "once all films are marked" in held
    again = Review(rows, Marks(path), "blind")  # goes on in the order that the marks began
    assert again.rows == [*review.rows[1:], review.rows[0]]
    again.put(again.rows[0], ABNORMAL)
    assert again.measures()["sample"] and again.measures()["blind"] == 2


def test_a_mark_that_is_changed_after_the_verdict_was_seen_is_blind_no_longer(table: Path) -> None:
    review = Review(scored_rows(table), Marks(table.with_name("m.csv")), "blind", seed=2)
    first, second = review.rows[:2]
    review.put(first, NORMAL)
    review.put(second, NORMAL)
    review.put(second, NORMAL)  # the same once more changes nothing
    review.put(first, ABNORMAL)
    kept = review.marks.read()
    assert kept[first["file"]] == Mark(ABNORMAL, "random 2") and not kept[first["file"]].blind
    assert kept[second["file"]] == Mark(NORMAL, "blind 2") and kept[second["file"]].blind
    assert review.measures()["blind"] == 1 and review.marks.by_chance()
    seen = Review(scored_rows(table), Marks(table.with_name("seen.csv")), "random")
    seen.put(first, NORMAL)
    Review(scored_rows(table), seen.marks, "blind").put(first, ABNORMAL)
    assert seen.marks.read()[first["file"]] == Mark(ABNORMAL, "random")


def test_a_blind_review_tells_how_many_marks_were_blind_once_all_are(table: Path) -> None:
    review = Review(scored_rows(table), Marks(table.with_name("m.csv")), "blind")
    for each in review.rows:
        review.put(each, ABNORMAL if float(each["score"]) > 2 else NORMAL)
    said = "\n".join(review.summary())
    assert "6 of them were marked blind, before the verdict was shown" in said
    assert "of 3 abnormals with a verdict, above the threshold: 3; 'unusual'" in said


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("--blind --order doubtful", "leave out --order doubtful"),
        ("--seed -1", "must be 0 or more"),
        ("--seed 7", "--seed belongs to a random order: add --order random or --blind"),
        ("--seed 7 --order doubtful", "--seed belongs to a random order"),
        ("--maps maps", "belong to the page: leave them out, or take --face page"),
        ("--port 7870", "--maps and --port belong to the page"),
    ],
)
def test_what_no_review_can_be_is_refused(table: Path, more: str, says: str) -> None:
    with pytest.raises(SimsidError, match=says):
        main([str(table), "--face", "summary", *more.split()])


def test_measures_are_those_of_the_marked_films_with_intervals(tmp_path: Path) -> None:
    """Ten films: normals at 0 to 4, abnormals at 2.5 to 6.5; above 2 lies half of all."""
    scores = [0.0, 1.0, 2.2, 3.0, 4.0, 2.5, 3.5, 4.5, 5.5, 1.5]
    states = ["nothing unusual found"] * 2 + ["borderline"] * 2 + ["unusual"] * 5 + ["borderline"]
    rows = [
        row(f"{i}.png", score, state)
        for i, (score, state) in enumerate(zip(scores, states, strict=True))
    ]
    review = Review(scored_rows(write(tmp_path / "s.csv", rows)), Marks(tmp_path / "m.csv"))
    for each in review.rows:
        review.put(each, NORMAL if int(each["file"][0]) < 5 else ABNORMAL)
    told = review.measures()
    assert told["auroc"] == pytest.approx((3 + 4 + 5 + 5 + 2) / 25)
    low, high = told["auroc_ci"]
    assert low < told["auroc"] < high <= 1 and high - low > 0.4  # ten films say little
    assert told["false_alarms"]["share"] == pytest.approx(3 / 5)
    assert told["false_alarms_unusual"]["share"] == pytest.approx(1 / 5)  # 4.0; two are borderline
    assert told["found"]["share"] == pytest.approx(4 / 5)
    assert told["found_unusual"]["share"] == pytest.approx(4 / 5)
    low, high = told["false_alarms"]["ci"]
    assert 0 < low < 3 / 5 < high < 1 and told["sample"]
    said = "\n".join(review.summary())
    assert f"AUROC over the marked films: {told['auroc']:.3f} [" in said
    assert "of the 5 normals with a verdict, above the threshold: 60 % [" in said
    assert "of the 5 abnormals with a verdict, above the threshold: 80 % [" in said
    assert "'unusual', clear of what the threshold may be off by: 20 %" in said


def test_few_marks_have_no_auroc_and_a_perfect_ranking_of_few_is_no_certainty(table: Path) -> None:
    review = Review(scored_rows(table), Marks(table.with_suffix(".marks.csv")))
    for each in review.rows:
        review.put(each, ABNORMAL if float(each["score"]) > 2 else NORMAL)
    assert review.measures()["auroc"] is None and review.measures()["auroc_ci"] is None
    assert "AUROC: too few marks, 3 normal and 3 abnormal films; at least 5 of each" in (
        review.summary()
    )
    low, high = auroc_score_interval(1.0, 5, 5)
    assert high == 1.0 and 0.5 < low < 0.8
    assert auroc_score_interval(0.0, 5, 5) == pytest.approx((0.0, 1 - low))
    wide, narrow = auroc_score_interval(0.8, 10, 10), auroc_score_interval(0.8, 200, 200)
    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]


def test_the_interval_of_few_marks_holds_what_it_promises() -> None:
    """Of two normal distributions 1.5 apart the area is 0.856; ten films of each."""
    rng, truth, held = np.random.default_rng(0), float(norm.cdf(1.5 / np.sqrt(2))), 0
    for _ in range(400):
        normals, abnormals = rng.normal(0, 1, 10), rng.normal(1.5, 1, 10)
        area = float((abnormals[:, None] > normals).mean())
        low, high = auroc_score_interval(area, 10, 10)
        held += low <= truth <= high
    assert 0.92 <= held / 400 <= 1


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_shards_of_an_archive_are_reviewed_as_a_table_is(tmp_path: Path, kind: str) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    folder = ShardFolder(tmp_path / "scores.v1", ShardPlan("m", 4, 32, kind))
    rows = [row(f"{score}.png", score) | {"id": "7"} for score in SCORES]
    broken = row("broken.png", "", status="corrupt", threshold="", p_value="") | {"id": ""}
    with folder:
        folder.begin()
        folder.append([*rows, rows[0], broken])
        folder.finish()
    assert len(list(folder.folder.glob("part-*"))) == 2
    plain = scored_rows(
        write(tmp_path / "s.csv", [{k: v for k, v in r.items() if k != "id"} for r in rows])
    )
    scored, scanned = rows_to_review(folder.folder)
    names = ("file", "state", "score", "p_value", "threshold", "diffuse")
    assert scored == [{name: each[name] for name in names} for each in plain]
    assert scanned == [Path(f"{score}.png") for score in SCORES] + [Path("broken.png")]
    main([str(folder.folder), "--face", "summary"])
    part = next(folder.folder.glob("part-00001*"))
    for copy in (f"part-00001 (copy){part.suffix}", f"part-00009-old{part.suffix}", "part-1.csv"):
        (folder.folder / copy).write_bytes(part.read_bytes())
    assert rows_to_review(folder.folder) == (scored, scanned)
    Review(scored, Marks(tmp_path / "m.csv")).put(scored[0], NORMAL)
    with pytest.raises(SimsidError, match="holds no shards of scores"):
        rows_to_review(tmp_path)
    next(folder.folder.glob("part-00000*")).unlink()
    with pytest.raises(SimsidError, match="lacks shard 0"):
        rows_to_review(folder.folder)


def test_a_folder_of_shards_is_reviewed_from_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with ShardFolder(tmp_path / "scores.v1", ShardPlan("m", 4, 32, "csv")) as shards:
        shards.begin()
        shards.append([row(f"{score}.png", score) | {"id": ""} for score in SCORES])
    (tmp_path / "scores.v1" / "below").mkdir()
    Marks(tmp_path / "scores.v1.marks.csv").put("5.0.png", Mark(NORMAL, "random"))
    for inside, named in ((".", "."), ("below", ".."), ("..", "scores.v1")):
        monkeypatch.chdir(tmp_path / "scores.v1" / inside)
        assert main([named, "--face", "summary"]) == 0
        assert "1 of 6 films marked: 1 normal" in capsys.readouterr().out


def test_marks_that_chance_did_not_choose_are_said_to_be_no_sample(table: Path) -> None:
    rows = scored_rows(table)
    for order, sample in (("doubtful", False), ("random", True)):
        review = Review(rows, Marks(table.with_name(f"{order}.csv")), order)
        review.put(review.rows[0], NORMAL)
        assert review.measures()["sample"] is sample
        assert ("not chosen by chance" in "\n".join(review.summary())) is not sample


def test_films_without_a_verdict_count_in_no_rate(tmp_path: Path) -> None:
    state = "another population: no verdict"
    table = write(tmp_path / "s.csv", [row("a.png", 9.0, state, p_value=""), row("b.png", 1.0)])
    review = Review(scored_rows(table), Marks(tmp_path / "marks.csv"))
    for each in review.rows:
        review.put(each, NORMAL)
    assert review.measures()["false_alarms"]["n"] == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name,mark\na.png,normal\n", "is not a table of marks of an earlier run"),
        ("file,mark,order\na.png,perhaps,random\n", "'perhaps' is no mark"),
        ("file,mark,order\na.png,normal\n", "is damaged"),
    ],
)
def test_foreign_or_damaged_marks_are_refused_and_kept(
    content: str, says: str, table: Path, capsys: pytest.CaptureFixture
) -> None:
    marks = table.with_name("mine.csv")
    marks.write_text(content)
    code = run_command(lambda: main([str(table), "--marks", str(marks), "--face", "summary"]))
    error = capsys.readouterr().err
    assert code == 2 and says in error and error.count("\n") == 1 and "mine.csv" in error
    assert marks.read_text() == content


def test_what_is_no_score_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SimsidError, match=r"missing\.csv does not exist: check the path"):
        main([str(tmp_path / "missing.csv"), "--face", "summary"])
    with pytest.raises(SimsidError, match="is no score table"):
        scored_rows(tmp_path / "other.csv")
    only_broken = write(tmp_path / "scores.csv", [row("a.png", "", status="corrupt")])
    with pytest.raises(SimsidError, match="no film with a score"):
        scored_rows(only_broken)


def test_marked_normals_recalibrate_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    marks, anatomy = Marks(tmp_path / "marks.csv"), DigitAnatomy()
    for number in range(21):
        Image.fromarray(anatomy.sample("test", "normal", number).image).save(f"{number}.png")
        marks.put(f"{number}.png", Mark(NORMAL, "doubtful"))
    Image.fromarray(np.zeros((96, 96), np.uint8)).save("dark.png")
    marks.put("dark.png", Mark(ABNORMAL, "doubtful"))
    model = str(hub.BUNDLED_FOLDER / "digitanatomy")
    assert recalibrate(["--model", model, "--normals", "marks.csv", "--out", "own"]) == 0
    said = capsys.readouterr().out
    assert "recalibrated on 21 films" in said and "the threshold is too high" in said
