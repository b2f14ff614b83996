"""Patients of films that no table tells: who has the same PatientID in its DICOM header."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from simsid.data.decode.dicom_patient import patient_of
from simsid.data.film import Film


def tell_patients_apart(
    films: Sequence[Film], names: Mapping[Path, str]
) -> tuple[list[Film], list[str]]:
    """The films with patients by hashes of DICOM headers, and what a user should know of it.

    A patient whom a table tells stays. An ID that more than half of the films share is what
    somebody wrote into all of them: it tells no patients apart.

    Args:
        names: of each film that is a patient of its own, see ``manifest.own_name``.
    """
    untold = [film for film in films if film.patient == names[film.path]]
    found = {film.path: own for film in untold if (own := patient_of(film.path)) is not None}
    shared, count = next(iter(Counter(found.values()).most_common(1)), ("", 0))
    notes = []
    if count > 1 and 2 * count > len(films):
        found = {path: own for path, own in found.items() if own != shared}
        notes.append(
            f"{count} of {len(films)} films have the same PatientID in their DICOM headers: it tells "
            "no patients apart and is not used"
        )
    if found:
        notes.append(
            f"patients of {len(found)} films are told by their DICOM headers: "
            f"{len(set(found.values()))} patients, each in one part only"
        )
    told = [
        dataclasses.replace(film, patient=f"dicom {found[film.path]}")
        if film.path in found
        else film
        for film in films
    ]
    return told, notes
