"""A check as text: Markdown, which reads well on a terminal, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from simsid.data.films import PARTS
from simsid.shares import in_percent
from simsid.terminal import literal


def to_markdown(content: dict[str, Any]) -> str:
    """Tables of counts, duplicates and shortcuts, each with what it means."""
    facts = content["facts"]
    lines = [
        f"# Check of {content['dataset']}",
        "",
        f"Split '{facts['split']}' with seed {facts['split_seed']}, view {facts['view']}; "
        f"calibration: {facts['calibration_from']}.",
    ]
    lines += ["", *(f"- {literal(note)}" for note in content["notes"])]
    if content["unreadable"]:
        lines += ["", "## Films that cannot be read", ""]
        lines += [f"- {literal(film)}" for film in content["unreadable"]]
    lines += ["", "## Films", "", *_counts(content["counts"])]
    lines += [
        "",
        "## Patients and duplicates",
        "",
        f"- patients in two parts: {content['patients_in_two_parts']}",
    ]
    duplicates = content["duplicates"]
    lines += [f"- duplicates, {name}: {count}" for name, count in duplicates["counts"].items()]
    lines += [_pair(pair) for pair in duplicates["pairs"]]
    lines += ["", "## Shortcuts", "", *_shortcuts(content["shortcuts"]), ""]
    return "\n".join(lines)


def _counts(counts: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    rows = [
        [
            literal(f"{name}: {value}") if name != value else name,
            *(row[part] or "" for part in PARTS),
        ]
        for name, values in counts.items()
        for value, row in values.items()
    ]
    return table(("", *PARTS), rows)


def _pair(pair: dict[str, Any]) -> str:
    (one, other), parts = map(literal, pair["films"]), " and ".join(pair["parts"])
    sort = "equal pixels" if pair["exact"] else f"correlation {pair['correlation']:.3f}"
    return f"  - {one} = {other} ({parts}; {sort})"


def _shortcuts(shortcuts: Sequence[dict[str, Any]]) -> list[str]:
    if not shortcuts:
        return ["There are no labelled films of both classes: nothing can be said."]
    rows = [
        [
            literal(row["name"]),
            row["films"],
            f"{row['normals']} + {row['abnormals']}",
            f"{row['auroc']:.2f}",
            "{:.2f} to {:.2f}".format(*row["interval"]),
            "" if row["chance"] is None else f"{row['chance']:.2f}",
            "yes" if row["tells"] else "",
            ", ".join(
                f"{literal(name)} {in_percent(rate, 0)}"
                for name, rate in (row["rates"] or {}).items()
            ),
        ]
        for row in shortcuts
    ]
    header = ("alone", "films", "normal + abnormal", "AUROC", "95 % interval", "chance up to",
              "tells", "abnormal share by group")  # fmt: skip
    return [
        *table(header, rows),
        "",
        "Higher is taken as more abnormal: 0.3 tells as much as 0.7. 'labelled' is validation and",
        "test, 'all' every film with the pool. A category is ordered by the abnormal shares of",
        "these very films, so it starts from 0.5; shuffled labels reach 'chance up to' in one case",
        "of twenty. A detector has to beat these, and should be judged within groups that tell.",
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """A Markdown table whose columns line up."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
