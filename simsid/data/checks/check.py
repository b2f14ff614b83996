"""Everything that should be known of a data set before a detector is trained on it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsid.data.checks.chosen import choose_sets
from simsid.data.checks.counts import count_films
from simsid.data.checks.duplicates import across_parts, count_duplicates, find_duplicates
from simsid.data.checks.looks import Looks, look_at
from simsid.data.checks.render import to_markdown
from simsid.data.checks.sheet import draw_sheet
from simsid.data.checks.shortcuts import find_shortcuts
from simsid.data.film import Film
from simsid.data.film_notes import gather_notes, note_lines
from simsid.data.film_set import FilmOptions
from simsid.data.films import Progress, refuse_unreadable
from simsid.data.pixel_truth import count_truth, pixel_truth
from simsid.data.told import tell_truth
from simsid.data.too_few import tell_few_normals
from simsid.files import naming, write_text
from simsid.outputs import check_names, json_object

REPORT, SHEET = "check", "contact_sheet.png"
_SHOWN = 50


@dataclass(frozen=True)
class Check:
    """What was found: ``content`` for a program, ``looks`` for a picture."""

    content: dict[str, Any]
    looks: Looks


def check_data(
    dataset: str, root: str | Path, options: FilmOptions, progress: Progress | None = None
) -> Check:
    """Count, find duplicates, and measure shortcuts.

    Args:
        dataset: a set of films, or several that are looked at as one, separated by commas.
        root: its folder; of several 'NAME=FOLDER,NAME=FOLDER'.

    Raises:
        UnreadableFilmsError: more films than 2 % of a set cannot be read, or none may be left out.
        DataError: a set is unknown or cannot be read.
    """
    chosen = choose_sets(dataset, root, options)
    wanted = sorted(chosen.films, key=lambda film: film.path)
    looks, failed = look_at(wanted, progress)
    for own in chosen.by_set.values():
        paths = {film.path for film in own}
        lost = [film for film in failed if film.path in paths]
        refuse_unreadable(own, lost, options.skip_unreadable)
    films, names = looks.films, chosen.names()
    pairs = find_duplicates(looks)
    shown = sorted(pairs, key=lambda pair: not across_parts(pair, looks))[:_SHOWN]
    notes = [f"warning: {told}" for told in tell_few_normals(chosen.facts)]
    notes += [*chosen.notes, *_truth_notes(looks), *note_lines(_noticed(looks, names))]
    content = {
        "dataset": dataset,
        "facts": chosen.facts,
        "notes": notes,
        "unreadable": [str(film) for film in failed],
        "counts": count_films(films),
        "patients_in_two_parts": _in_two_parts(films),
        "duplicates": {
            "counts": count_duplicates(pairs, looks),
            "pairs": [
                {
                    "films": [names[films[number].path] for number in (pair.first, pair.second)],
                    "parts": [films[number].part for number in (pair.first, pair.second)],
                    "exact": pair.exact,
                    "correlation": round(pair.correlation, 4),
                }
                for pair in shown
            ],
        },
        "shortcuts": [shortcut.to_json() for shortcut in find_shortcuts(looks)],
    }
    return Check(content, looks)


def _noticed(looks: Looks, names: dict[Path, str]) -> dict[str, list[str]]:
    pairs = zip(looks.films, looks.warnings, strict=True)
    return gather_notes((names[film.path], warnings) for film, warnings in pairs)


def _truth_notes(looks: Looks) -> list[str]:
    notes = []
    for part in ("validation", "test"):
        own = [index for index, film in enumerate(looks.films) if film.part == part]
        films = [looks.films[index] for index in own]
        shapes = [(int(looks.height[index]), int(looks.width[index])) for index in own]
        truths = [pixel_truth(film, shape) for film, shape in zip(films, shapes, strict=True)]
        counts = count_truth(films, truths)
        notes += [tell_truth(part, counts, films, truths)] if counts else []
    return notes


def _in_two_parts(films: list[Film]) -> int:
    parts: dict[str, set[str]] = defaultdict(set)
    for film in films:
        parts[film.patient].add(film.part)
    return sum(len(own) > 1 for own in parts.values())


def check_writable(folder: Path) -> None:
    """Refuse a folder in which another file has one of the names that ``write_check`` writes.

    Raises:
        SimsidError: it holds one.
    """
    own = "shortcuts" in json_object(folder / f"{REPORT}.json")
    check_names(folder, "--out", (f"{REPORT}.json", f"{REPORT}.md", SHEET), lambda _: own)


def write_check(check: Check, folder: Path) -> None:
    """Write ``check.json``, ``check.md`` and ``contact_sheet.png``.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with naming(folder / SHEET):
        draw_sheet(check.looks.films, folder / SHEET)
    write_text(folder / f"{REPORT}.json", json.dumps(check.content, indent=2) + "\n")
    text = to_markdown(check.content) + f"\n![films of each part]({SHEET})\n"
    write_text(folder / f"{REPORT}.md", text)
