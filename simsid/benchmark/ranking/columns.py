"""Columns of the ranking: a data set as it is, or one split or track of it, as ``zhanglab:shifted``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simsid.data.load import DATASETS, GENERATED
from simsid.errors import SimsidError


@dataclass(frozen=True)
class Column:
    """What one column of the ranking is measured on.

    Attributes:
        dataset: a name in ``simsid.data.load.DATASETS``.
        variant: a track of the generated set, a split of films, or None for the default.
    """

    dataset: str
    variant: str | None

    @property
    def options(self) -> dict[str, Any]:
        """The option of ``python -m simsid.train`` that says the variant, by name; none for None."""
        if self.variant is None:
            return {}
        return {"track" if self.dataset == GENERATED else "split": self.variant}

    def is_drawn(self, roots: Mapping[str, str]) -> bool:
        """Whether the options of ``python -m simsid.benchmark run`` say how the kit draws it.

        Args:
            roots: folders of data sets, by name; what has one is read, not drawn.
        """
        return self.dataset == GENERATED and not self.variant and self.dataset not in roots


def column_named(name: str) -> Column:
    """The column that ``NAME`` or ``NAME:VARIANT`` names.

    Raises:
        SimsidError: there is no such data set, or nothing behind the colon.
    """
    dataset, colon, variant = name.partition(":")
    if dataset not in DATASETS:
        raise SimsidError(f"unknown data set '{name}'; choose from: {', '.join(DATASETS)}")
    if colon and not variant:
        raise SimsidError(
            f"'{name}' has nothing behind the colon; name a split of films, as {dataset}:shifted, "
            f"or a track, as {GENERATED}:hard-1"
        )
    return Column(dataset, variant or None)
