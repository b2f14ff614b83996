"""Ceilings in a benchmark's folder, beside its rows and never among them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from simsid.benchmark.ceiling.measure import measure_ceiling
from simsid.benchmark.ceiling.records import Ceiling
from simsid.benchmark.record_files import file_stem, read_json, write_json
from simsid.data.choice import DataChoice
from simsid.data.datasets import LabelledImages, RadiographData
from simsid.errors import DataError

FOLDER = "ceiling"


def keep_ceiling(
    folder: Path,
    name: str,
    choice: DataChoice,
    data: RadiographData,
    part: str,
    labelled: LabelledImages,
    seeds: int,
    say: Callable[[str], object],
) -> None:
    """Measure what ``folder`` does not hold yet of the column ``name``; a set without labels is told of."""
    file = folder / FOLDER / f"{file_stem(name)}.json"
    if file.exists():
        kept = read_json(Ceiling, file)
        now = (data.fingerprint, part, seeds)
        if (kept.fingerprint, kept.part, len(kept.auroc.by_seed)) == now:
            return
    try:
        found = measure_ceiling(choice, data, part, labelled, seeds, say)
    except DataError as error:
        say(f"no ceiling: {error}")
        return
    file.parent.mkdir(exist_ok=True)
    write_json(file, replace(found, dataset=name))


def read_ceilings(folder: Path, fingerprints: Mapping[str, str]) -> tuple[Ceiling, ...]:
    """The ceilings that were measured on these data sets, in their order.

    Args:
        fingerprints: of the data sets, by name.
    """
    files = {name: folder / FOLDER / f"{file_stem(name)}.json" for name in fingerprints}
    found = {name: read_json(Ceiling, file) for name, file in files.items() if file.exists()}
    return tuple(own for name, own in found.items() if own.fingerprint == fingerprints[name])


def join_ceilings(folder: Path, target: Path) -> None:
    """Copy those of one folder into another."""
    for file in (folder / FOLDER).glob("*.json"):
        (target / FOLDER).mkdir(exist_ok=True)
        shutil.copyfile(file, target / FOLDER / file.name)
