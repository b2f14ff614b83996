"""Records to JSON and back, and rows to CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from simsid.benchmark.records import LEFT_OUT, Record
from simsid.cells import as_cell
from simsid.errors import SimsidError
from simsid.evaluation.evaluate import strict_json
from simsid.files import atomic_text, write_text

T = TypeVar("T")
_CSV_DIGITS = 6


def plain(value: object) -> Any:
    """Records, and what holds records, as plain JSON types; a number that is not finite is None."""
    if isinstance(value, Record):
        return {name: plain(own) for name, own in _items(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [plain(own) for own in value]
    return strict_json(value)


def write_json(file: Path, value: object) -> None:
    """Write a record, or what holds records, as indented JSON."""
    write_text(file, json.dumps(plain(value), indent=1, allow_nan=False) + "\n")


def parsed(kind: type[T], content: object, where: str) -> T:
    """The record that plain JSON types hold.

    Args:
        kind: the record, or a type made of records.
        where: names the file in the message.

    Raises:
        SimsidError: a key is missing or unknown, or a value has another type.
    """
    try:
        return TypeAdapter(kind).validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its content"
        raise SimsidError(
            f"{where} was not written by this version of the kit: {place}: {first['msg'].lower()}. "
            "Make it again"
        ) from error


def json_of(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        SimsidError: it is damaged.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SimsidError(f"{file} is damaged, it is no JSON: make it again") from error


def read_json(kind: type[T], file: Path) -> T:
    """The record that a JSON file holds.

    Raises:
        SimsidError: it is damaged, or holds something else.
    """
    return parsed(kind, json_of(file), str(file))


def write_csv(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows under the names of all of them, in the order in which they come."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_text(file) as out:
        writer = csv.DictWriter(out, names, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)


def flat(record: Record) -> dict[str, object]:
    """A row of a CSV: each interval, whose name ends in '_ci', as two columns."""
    out: dict[str, object] = {}
    for name, value in _items(record):
        if name.endswith("_ci"):
            low, high = value or (None, None)
            out |= {f"{name[:-3]}_low": low, f"{name[:-3]}_high": high}
        else:
            out[name] = value
    return out


def _items(record: Record) -> list[tuple[str, Any]]:
    found = [(own, getattr(record, own.name)) for own in fields(record)]  # type: ignore[arg-type]
    return [(f.name, value) for f, value in found if value is not None or f.metadata != LEFT_OUT]


def _cell(value: object) -> object:
    return round(value, _CSV_DIGITS) if isinstance(value, float) else as_cell(value)


def file_stem(name: str) -> str:
    """The name of a data set or model as a part of file names: without a colon."""
    return name.replace(":", "-")
