"""The films that a check looks at: of one data set, or of several that would be trained on as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsid.data.film import Film
from simsid.data.film_set import FilmOptions, choose_films
from simsid.data.films import short_names
from simsid.data.joined import POPULATION, roots_of, split_names
from simsid.data.load import FILM_SETS
from simsid.errors import DataError


@dataclass(frozen=True)
class Chosen:
    """Films of each set in their parts.

    Attributes:
        by_set: films by the name of their set. Of several sets each film has it as attribute
            'population', and no patient of one is a patient of another.
        facts: see ``choose_films``; of several sets what they have in common, and each one's own.
        notes: what a user should know of the choice.
    """

    by_set: Mapping[str, list[Film]]
    facts: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def films(self) -> list[Film]:
        return [film for films in self.by_set.values() for film in films]

    def names(self) -> dict[Path, str]:
        """Each film's path below the folder that its set shares, behind the set's name."""
        several = len(self.by_set) > 1
        return {
            path: f"{name}/{short}" if several else short
            for name, films in self.by_set.items()
            for path, short in short_names(films).items()
        }


def choose_sets(dataset: str, root: str | Path, options: FilmOptions) -> Chosen:
    """Films of the set or sets that ``--dataset`` names.

    Raises:
        DataError: a set is unknown, has no folder or cannot be read.
    """
    names = split_names(dataset)
    for name in names:
        if name not in FILM_SETS:
            raise DataError(f"unknown set of films '{name}'; choose among: {', '.join(FILM_SETS)}")
    if len(names) == 1:
        split, facts = choose_films(names[0], FILM_SETS[names[0]], Path(root), options)
        return Chosen({names[0]: split.films}, facts, split.notes)
    roots = roots_of(names, str(root))
    chosen = {
        name: choose_films(name, FILM_SETS[name], Path(roots[name]), options) for name in names
    }
    by_set = {
        name: [_of_set(film, name) for film in split.films] for name, (split, _) in chosen.items()
    }
    return Chosen(
        by_set,
        _together({name: facts for name, (_, facts) in chosen.items()}),
        tuple(f"{name}: {note}" for name, (split, _) in chosen.items() for note in split.notes),
    )


def _of_set(film: Film, name: str) -> Film:
    return dataclasses.replace(
        film, patient=f"{name}: {film.patient}", attributes=film.attributes | {POPULATION: name}
    )


def _together(facts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What all sets say where they agree, else each one's word."""
    told: dict[str, Any] = {"populations": dict(facts)}
    for key in ("split", "split_seed", "view", "calibration_from"):
        values = {name: own[key] for name, own in facts.items()}
        same = len(set(values.values())) == 1
        told[key] = (
            next(iter(values.values()))
            if same
            else "; ".join(f"{name}: {value}" for name, value in values.items())
        )
    return told
