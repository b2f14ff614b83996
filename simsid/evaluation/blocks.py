"""What a report is made of, and how numbers are written in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsid.shares import in_percent


@dataclass(frozen=True)
class Table:
    """Header and rows of text; the first column is left-aligned, the others right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A figure's file name, beside the report, and its caption."""

    file: Path
    caption: str


@dataclass(frozen=True)
class Section:
    """A titled part of the report: paragraphs, tables and pictures, in order."""

    title: str
    blocks: tuple[str | Table | Picture, ...]


def number(value: float | None, digits: int = 3) -> str:
    """'n/a' for what could not be measured."""
    return "n/a" if value is None else f"{value:.{digits}f}"


def with_interval(
    value: float | None, interval: Sequence[float] | None, digits: int = 3, absent: str = "n/a"
) -> str:
    """'0.912 [0.880, 0.941]', without an interval '0.912', without a value ``absent``."""
    if value is None:
        return absent
    if interval is None:
        return number(value, digits)
    return f"{value:.{digits}f} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def percent(value: float | None) -> str:
    """A share in percent, with one digit."""
    return "n/a" if value is None else in_percent(value, 1)


def valued(measured: dict[str, Any] | None) -> str:
    """A {"value", "ci"} with its interval."""
    return "n/a" if measured is None else with_interval(measured["value"], measured["ci"])
