"""The same film twice: equal pixels, or thumbnails that no two different films share.

Thumbnails of 32 px that correlate by 0.99 or more count as one film. Between different films of
the ZhangLab and NIH sets at hand the highest is 0.975, between a film and its resized or
recompressed copy 0.998. A copy that was cropped, turned or mirrored is not found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simsid.data.checks.looks import Looks

SAME = 0.99
_BLOCK = 1024


@dataclass(frozen=True)
class Pair:
    """Two films that look the same. ``correlation`` is 1 where the pixels are equal."""

    first: int
    second: int
    exact: bool
    correlation: float


def find_duplicates(looks: Looks) -> list[Pair]:
    """Pairs of film numbers; of more than two equal films, each with the first."""
    exact = list(_exact(looks))
    copies = {pair.second for pair in exact}
    return exact + [
        pair for pair in _near(looks) if pair.first not in copies and pair.second not in copies
    ]


def across_parts(pair: Pair, looks: Looks) -> bool:
    """Whether the two lie in different parts, so that one tells about the other."""
    return looks.films[pair.first].part != looks.films[pair.second].part


def count_duplicates(pairs: list[Pair], looks: Looks) -> dict[str, int]:
    """How many pairs there are, of each sort."""
    counts = Counter(
        f"{'exact' if pair.exact else 'near'}, "
        f"{'across parts' if across_parts(pair, looks) else 'within a part'}"
        for pair in pairs
    )
    names = [f"{sort}, {where}" for sort in ("exact", "near")
             for where in ("within a part", "across parts")]  # fmt: skip
    other = sum(looks.films[p.first].label != looks.films[p.second].label for p in pairs)
    return {name: counts[name] for name in names} | {"of them with different labels": other}


def _exact(looks: Looks) -> Iterator[Pair]:
    groups: dict[str, list[int]] = defaultdict(list)
    for number, digest in enumerate(looks.digests):
        groups[digest].append(number)
    for group in groups.values():
        for other in group[1:]:
            yield Pair(group[0], other, True, 1.0)


def _near(looks: Looks) -> Iterator[Pair]:
    thumbs = looks.thumbs - looks.thumbs.mean(1, keepdims=True)
    thumbs = thumbs / np.maximum(np.linalg.norm(thumbs, axis=1, keepdims=True), 1e-6)
    for start in range(0, len(thumbs), _BLOCK):  # all pairs at once would not fit
        alike = thumbs[start : start + _BLOCK] @ thumbs[start:].T
        for row, col in np.argwhere(alike >= SAME):
            if row < col and looks.digests[start + row] != looks.digests[start + col]:
                yield Pair(int(start + row), int(start + col), False, float(alike[row, col]))
