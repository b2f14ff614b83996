"""How many films there are, by part and by whatever the set tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from simsid.data.ages import UNKNOWN, age_group
from simsid.data.film import Film
from simsid.data.films import PARTS
from simsid.data.joined import POPULATION


def count_films(films: Sequence[Film]) -> dict[str, dict[str, dict[str, int]]]:
    """For label, kind, patients, view, sex and age: a value's counts in each part.

    Attributes that no film has are left out.
    """
    by: dict[str, Callable[[Film], str]] = {
        "label": lambda film: "abnormal" if film.label else "normal",
        "kind": lambda film: film.kind,
    }
    for name in (POPULATION, "view", "sex"):
        if any(film.attributes.get(name) for film in films):
            by[name] = lambda film, name=name: film.attributes.get(name) or UNKNOWN
    if any(film.attributes.get("age") for film in films):
        by["age"] = lambda film: age_group(film.attributes.get("age", ""))
    counts = {name: _table(films, value) for name, value in by.items()}
    return {"patients": {"patients": _patients(films)}} | counts


def _patients(films: Sequence[Film]) -> dict[str, int]:
    return {part: len({f.patient for f in films if f.part == part}) for part in PARTS}


def _table(films: Sequence[Film], value: Callable[[Film], str]) -> dict[str, dict[str, int]]:
    counts = Counter((value(film), film.part) for film in films)
    total = Counter(value(film) for film in films)
    order = sorted(total, key=lambda name: (name != "normal", -total[name], name))
    return {name: {part: counts[name, part] for part in PARTS} for name in order}
