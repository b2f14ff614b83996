"""``python -m simsid.review``: look at scored films, mark them, see how the model did on them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jsonargparse import ArgumentParser

from simsid.archive.shard_files import is_shard_folder, read_shards
from simsid.cli import command_parser, parse, run_command
from simsid.detectors.renewal import LEAST
from simsid.errors import SimsidError
from simsid.evaluation.metrics import auroc, auroc_score_interval, share_interval
from simsid.files import path_text, real_path
from simsid.marks import (
    ABNORMAL,
    BLIND,
    DOUBTFUL_FIRST,
    NORMAL,
    RANDOM,
    Mark,
    Marks,
    excess_of,
    in_order,
    order_text,
    scored_rows,
)
from simsid.scoring.table import Row, read_table
from simsid.scoring.verdicts import UNUSUAL
from simsid.shares import in_percent

_ANSWERS = {"n": NORMAL, "normal": NORMAL, "a": ABNORMAL, "abnormal": ABNORMAL}
_LATER, _BACK, _STOP = ("", "l", "later"), ("b", "back"), ("q", "quit")
_NEEDED = ("file", "state", "score", "p_value", "threshold", "diffuse")  # of a row
_LEAST_TO_RANK = 5  # marked normals, and abnormals: fewer say nothing of an AUROC
_LEAST_FOR_A_RATE = 5  # marked films of a kind


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.review",
        "Look at the films of a score table, the most doubtful and the most unusual first, and mark "
        "them normal or abnormal. Marks are kept; the same command goes on where it stopped.",
        example="scores.csv --maps maps",
    )
    add = parser.add_argument
    add("table", type=path_text,
        help="CSV that simsid.score wrote, or its folder of --shard-rows; run this where you ran "
        "that")  # fmt: skip
    add("--marks", type=path_text, default=None,
        help="CSV of marks to begin or to go on with; beside the table by default")  # fmt: skip
    add("--maps", type=path_text, default=None, help="folder of simsid.score --maps, to show them")
    add("--order", type=Literal["doubtful", "random"] | None, default=None,
        help="random: what is marked is then a sample of all films; default: doubtful")  # fmt: skip
    add("--blind", action="store_true",
        help="for reader studies: random order; name, score, verdict and map of a film are hidden "
        "until it is marked, and what the marks say until all are; the marks are kept as blind")  # fmt: skip
    add("--seed", type=int | None, default=None,
        help="of the random order, 0 or more; default: that of the marks, which go on by no other, "
        "else 0")  # fmt: skip
    add("--face", type=Literal["page", "terminal", "summary"], default="page",
        help="page: look and mark in a browser on this machine; terminal: mark by letters; "
        "summary: only tell what the marks say")  # fmt: skip
    add("--port", type=int | None, default=None, help="of the page; the first free one from 7860")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: the table or the marks cannot be used; for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    table = Path(options.table)
    rows, scanned = rows_to_review(table)
    path = Path(options.marks) if options.marks else marks_beside(table)
    if real_path(path) == real_path(table):
        raise SimsidError(f"--marks {path} is the score table: choose another name")
    if options.blind and options.order == DOUBTFUL_FIRST:
        raise SimsidError("--blind shows films in a random order: leave out --order doubtful")
    if (options.seed or 0) < 0:
        raise SimsidError(f"--seed must be 0 or more, not {options.seed}")
    if options.seed is not None and not options.blind and options.order != RANDOM:
        raise SimsidError("--seed belongs to a random order: add --order random or --blind")
    if options.face != "page" and (options.maps or options.port is not None):
        raise SimsidError(
            "--maps and --port belong to the page: leave them out, or take --face page"
        )
    order = BLIND if options.blind and options.face != "summary" else options.order
    marks = Marks(path)
    if options.seed is not None and order in (RANDOM, BLIND):
        _check_seed(marks, options.seed)
    review = Review(rows, marks, order or DOUBTFUL_FIRST, scanned, options.seed)
    if options.face == "page":  # it stands above this package: opened by name
        maps = Path(options.maps) if options.maps else None
        import_module("demo.launch").open_review(review, maps, options.port)
    elif options.face == "terminal":
        ask(review, input)
    print("\n".join(review.summary()))
    return 0


def _check_seed(marks: Marks, seed: int) -> None:
    """One seed for all marks of a table: films that two orders chose are a sample of neither."""
    begun = marks.seed()
    if begun not in (None, seed):
        raise SimsidError(
            f"{marks.path} was begun with --seed {begun}: leave out --seed to go on with it, or "
            "choose another --marks"
        )


def marks_beside(table: Path) -> Path:
    """Where the marks of a table, or of a folder of shards, lie unless another place is given."""
    table = real_path(table) if table.name in ("", "..") else table  # '.' has no name of its own
    return table.with_name(f"{table.name if table.is_dir() else table.stem}.marks.csv")


def rows_to_review(table: Path) -> tuple[list[Row], list[Path]]:
    """Rows with a score, and all films of the table; each film once, by its first row.

    Args:
        table: of ``simsid.score``, or its folder of shards.

    Raises:
        SimsidError: it is none of them, is damaged, or nothing in it has a score.
    """
    if not table.is_dir():
        return scored_rows(table), [Path(row["file"]) for row in read_table(table)[0]]
    if not is_shard_folder(table):
        raise SimsidError(
            f"{table} holds no shards of scores: name the table, or its folder of shards"
        )
    rows: dict[str, Row] = {}
    for row in read_shards(table):
        rows.setdefault(row["file"], {name: row[name] for name in _NEEDED})
    scored = [row for row in rows.values() if row["score"] != ""]
    if not scored:
        raise SimsidError(f"{table} holds no film with a score: there is nothing to review")
    return scored, [Path(file) for file in rows]


class Review:
    """The films of one table in their order, and what is said of them.

    Args:
        rows: with scores.
        order: see ``in_order``.
        scanned: all films of the table, those without a score too: maps lie below their folder.
        seed: of an order by chance; None: that of the marks, or 0.

    Attributes:
        rows: all films, those without a mark first.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        marks: Marks,
        order: str = DOUBTFUL_FIRST,
        scanned: Sequence[Path] | None = None,
        seed: int | None = None,
    ) -> None:
        self.marks, self.order = marks, order
        self.scanned = [Path(row["file"]) for row in rows] if scanned is None else list(scanned)
        self._by_table, known = list(rows), marks.read()
        self.seed = (marks.seed() or 0) if seed is None else seed
        shown = in_order(rows, order, self.seed)
        self.rows = sorted(shown, key=lambda row: row["file"] in known)

    def put(self, row: Row, mark: str | None) -> None:
        """Mark a film, or take its mark back; in a blind review a changed mark is no longer blind."""
        order = self.order
        if order == BLIND and not self.hides(row):
            order = RANDOM  # the reader has seen the verdict
        if order != DOUBTFUL_FIRST:
            order = order_text(order, self.seed)
        self.marks.put(row["file"], None if mark is None else Mark(mark, order))

    def hides(self, row: Row) -> bool:
        """Whether what the model says of a film, and its name, is not to be seen yet."""
        return self.order == BLIND and not self.mark_of(row)

    def next_unmarked(self, after: int = -1) -> int:
        """Place in ``rows`` of the next film without a mark, also one that was passed over.

        Args:
            after: the place from which on to look; past the end, from the first film on.

        Returns:
            ``len(rows)`` where every film is marked.
        """
        known, count = self.marks.read(), len(self.rows)
        places = ((after + step) % count for step in range(1, count + 1))
        return next((at for at in places if self.rows[at]["file"] not in known), count)

    def mark_of(self, row: Row) -> str:
        """'normal', 'abnormal', or '' before it is marked."""
        known = self.marks.read().get(row["file"])
        return known.mark if known else ""

    def measures(self) -> dict[str, Any]:
        """AUROC, false alarms and share found over what was marked, each with its 95 % interval.

        Verdicts count where a film has one: a score and a threshold, and no doubt of the film as a
        whole. ``false_alarms`` and ``found`` are the shares above the threshold, ``_unusual`` those
        called so: the others above it are borderline. ``auroc`` is None for less than 5 of a class.
        """
        known = self.marks.read()
        marked = [row for row in self.rows if row["file"] in known]
        labels = np.array([known[row["file"]].mark == ABNORMAL for row in marked], np.int64)
        scores = np.array([float(row["score"]) for row in marked])
        judged = np.array([row["threshold"] != "" and row["p_value"] != "" for row in marked], bool)
        called = np.array([excess_of(row) > 0 for row in marked], bool)
        unusual = np.array([row["state"] == UNUSUAL for row in marked], bool)
        shares = {}
        for name, label in (("false_alarms", 0), ("found", 1)):
            mine = judged & (labels == label)
            for which, those in ((name, called), (f"{name}_unusual", unusual)):
                shares[which] = share_interval(int((those & mine).sum()), int(mine.sum()))
        counts = [int((labels == label).sum()) for label in (0, 1)]
        area = auroc(labels, scores) if min(counts) >= _LEAST_TO_RANK else None
        return {
            "films": len(self.rows),
            "normal": counts[0],
            "abnormal": counts[1],
            "blind": sum(known[row["file"]].blind for row in marked),
            "sample": self._by_chance(set(known)),
            "auroc": area,
            "auroc_ci": None if area is None else list(auroc_score_interval(area, *counts)),
            **shares,
        }

    def _by_chance(self, marked: set[str]) -> bool:
        """Whether the marked films are all films, or the first ones that chance drew: none left out."""
        if len(marked & {row["file"] for row in self.rows}) == len(self.rows):
            return True
        seed = self.marks.seed()
        if seed is None:
            return False
        drawn = [row["file"] for row in in_order(self._by_table, RANDOM, seed)]
        own = [file for file in drawn if file in marked]
        return own == drawn[: len(own)]

    def summary(self) -> list[str]:
        """The measures in sentences; in a blind review only how many are marked, until all are."""
        told = self.measures()
        normals, abnormals = told["normal"], told["abnormal"]
        lines = [
            f"{normals + abnormals} of {_several(told['films'], 'film')} marked: {normals} normal, "
            f"{abnormals} abnormal; marks: {self.marks.path}"
        ]
        if self.order == BLIND and normals + abnormals < told["films"]:
            return [
                *lines,
                "blind: how the model did is told once all films are marked, or by --face summary",
            ]
        if told["blind"]:
            were = "was" if told["blind"] == 1 else "were"
            lines.append(
                f"{told['blind']} of them {were} marked blind, before the verdict was shown"
            )
        if told["auroc"] is not None:
            low, high = told["auroc_ci"]
            lines.append(
                f"AUROC over the marked films: {told['auroc']:.3f} [{low:.3f}, {high:.3f}]"
            )
        elif normals + abnormals:
            lines.append(
                f"AUROC: too few marks, {normals} normal and {_several(abnormals, 'abnormal film')}; "
                f"at least {_LEAST_TO_RANK} of each"
            )
        lines += [
            _share_in_words(told[name], told[f"{name}_unusual"], kind)
            for name, kind in (("false_alarms", "normal"), ("found", "abnormal"))
            if told[name]["n"]
        ]
        if normals + abnormals and not told["sample"]:
            lines.append(
                "what is marked was not chosen by chance, so these numbers say nothing of all "
                "films: mark all of them, or begin new marks with --order random"
            )
        if normals >= LEAST and told["sample"]:
            lines.append(
                "to set the thresholds by the marked normals alone: python -m simsid.recalibrate --model "
                f"MODEL --normals {self.marks.path} --out NEW"
            )
        return lines


def _share_in_words(above: dict[str, Any], unusual: dict[str, Any], kind: str) -> str:
    """How many films of a kind lie above the threshold, and are unusual: of few no rate."""
    count = above["n"]
    if count < _LEAST_FOR_A_RATE:
        over, called = (round(each["share"] * count) for each in (above, unusual))
        return (
            f"of {_several(count, kind)} with a verdict, above the threshold: {over}; 'unusual', "
            f"clear of what the threshold may be off by: {called}; rates are told from "
            f"{_LEAST_FOR_A_RATE} on"
        )
    low, high = above["ci"]
    return (
        f"of the {count} {kind}s with a verdict, above the threshold: "
        f"{in_percent(above['share'], 0)} [{in_percent(low, 0)}, {in_percent(high, 0)}]; "
        "'unusual', clear of what the threshold may be off by: "
        f"{in_percent(unusual['share'], 0)}"
    )


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def ask(review: Review, answer: Callable[[str], str]) -> None:
    """Mark films by letters or words, until all are marked; q or the end of input ends it.

    A film that was passed over comes again once the end is reached, as it does on the page, and
    who goes back sees the film before, with its mark, and may change it. What is none of the
    answers marks nothing: the same film comes again.
    """
    at, before = review.next_unmarked(), list[int]()
    while at < len(review.rows):
        row, mark = review.rows[at], review.mark_of(review.rows[at])
        p_value = f", p {float(row['p_value']):.3f}" if row["p_value"] else ""
        marked = f" (marked {mark})" if mark else ""
        print(f"{at + 1} of {len(review.rows)}: {row['file']}{marked}")  # to look at it
        if not review.hides(row):
            print(f"  {row['state']}: score {float(row['score']):.2f}{p_value}")
        try:
            given = answer("  n normal, a abnormal, Enter later, b back, q stop: ").strip()
        except EOFError:
            print()  # the question's line has no end yet
            return
        said = given.lower()
        if said in _STOP:
            return
        if said in _BACK:
            at = before.pop() if before else at
        elif said in _ANSWERS or said in _LATER:
            if said in _ANSWERS:
                review.put(row, _ANSWERS[said])
            before.append(at)
            at = _next(review, at)
        else:
            print(
                f"  '{given}' marks nothing: type n or normal, a or abnormal, Enter or later, "
                "b or back, q or quit"
            )


def _next(review: Review, at: int) -> int:
    """The next film without a mark; where the films begin anew, how many are left is printed."""
    then = review.next_unmarked(at)
    if then <= at:
        known = review.marks.read()
        left = sum(row["file"] not in known for row in review.rows)
        print(f"{left} left for later, again:")
    return then


if __name__ == "__main__":
    sys.exit(run_command(main))
