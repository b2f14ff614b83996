"""Several folders of ``run`` as one: trainings of one table may be spread over machines."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simsid.benchmark.ceiling.kept import FOLDER, join_ceilings
from simsid.benchmark.journal import Journal
from simsid.benchmark.ranking.records import Described, RunSettings, read_settings
from simsid.benchmark.record_files import plain, read_json, write_json
from simsid.errors import SimsidError
from simsid.files import real_path

SETTINGS, TYPED = "settings.json", "commands.txt"
_MUST_AGREE = ("fingerprint", "part", "labels", "shown")


def join(folders: Sequence[Path], target: Path) -> Path:
    """Copy rows, data sets and maps of several folders into ``target``, which is made anew.

    A row that several folders have is taken once; the commands that were typed are all kept.

    Raises:
        SimsidError: ``target`` is one of them or has something else in it; settings, data or the
            rows of one model and seed differ.
    """
    if any(real_path(folder) == real_path(target) for folder in folders):
        raise SimsidError(f"--out must name another folder than {target}")
    if target.exists() and not (target / "rows.jsonl").exists() and any(target.iterdir()):
        raise SimsidError(f"{target} holds other files: choose another --out")
    settings = _same_settings(folders)
    kept = _rows(folders)
    _check_data(folders)
    shutil.rmtree(target / FOLDER, ignore_errors=True)
    for name in ("data", "maps"):
        shutil.rmtree(target / name, ignore_errors=True)
        (target / name).mkdir(parents=True)
    (target / "rows.jsonl").unlink(missing_ok=True)
    write_json(target / SETTINGS, settings)
    commands = [line for folder in folders for line in _lines(folder / TYPED)]
    (target / TYPED).write_text("".join(f"{c}\n" for c in dict.fromkeys(commands)), "utf-8")
    journal = Journal(target, plain(settings))
    for line in kept.values():
        journal.append(line)
    for folder in reversed(folders):  # of a picture that two have, the first folder's stays
        for name in ("data", "maps"):
            for file in (folder / name).glob("*.*"):
                shutil.copyfile(file, target / name / file.name)
        join_ceilings(folder, target)
    return target


def _same_settings(folders: Sequence[Path]) -> RunSettings:
    first = read_settings(folders[0] / SETTINGS)
    for folder in folders[1:]:
        own = read_settings(folder / SETTINGS)
        for key, value in plain(own).items():
            if getattr(first, key) != value:
                raise SimsidError(
                    f"{key.replace('_', ' ')} is {getattr(first, key)} in {folders[0]} and "
                    f"{value} in {folder}: rows would not compare"
                )
    return first


def _rows(folders: Sequence[Path]) -> dict[tuple[str, int], dict[str, Any]]:
    kept: dict[tuple[str, int], dict[str, Any]] = {}
    source: dict[tuple[str, int], Path] = {}
    for folder in folders:
        for key, line in Journal(folder, {}).done().items():
            if kept.setdefault(key, line) != line:
                raise SimsidError(
                    f"{source[key]} and {folder} hold different rows of {key[0]}, seed {key[1]}: "
                    "take it out of the rows.jsonl of one"
                )
            source.setdefault(key, folder)
    return kept


def _check_data(folders: Sequence[Path]) -> None:
    first: dict[str, tuple[Path, Described]] = {}
    for folder in folders:
        for file in sorted((folder / "data").glob("*.json")):
            own = read_json(Described, file)
            where, known = first.setdefault(file.stem, (folder, own))
            for key in _MUST_AGREE:
                if getattr(own, key) != getattr(known, key):
                    raise SimsidError(
                        f"{key} of {file.stem} differs between {where} and {folder}: "
                        "rows would not compare"
                    )


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines() if file.exists() else []
