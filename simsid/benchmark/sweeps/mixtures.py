"""Training sets of equal size with abnormal images among them, 'true UAD' as the talk calls it.

An honest curve over the share of abnormals changes that share alone: were abnormals added to all
normals, a higher share would mean more films and more steps. So every share has the same number of
films, as many as the largest share allows; a set with few abnormal films trains on fewer normals.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import UInt8

from simsid.data.datasets import RadiographData
from simsid.errors import DataError
from simsid.shares import in_percent

MIN_TRAIN = 10

Load = Callable[[float], RadiographData]


class GeneratedMixtures:
    """DigitAnatomy makes as many abnormals as are asked for; its sets have one size anyway."""

    def __init__(self, load: Load, size: int | None = None) -> None:
        self._load = functools.lru_cache(maxsize=2)(load)
        self.data = load(0.0)
        self.size = min(size or len(self.data.train), len(self.data.train))

    def train(self, share: float, seed: int) -> UInt8[np.ndarray, "size height width"]:
        """The same images for every seed; any first part of them holds the share."""
        return self._load(share).train[: self.size]

    def abnormal(self, share: float) -> int:
        """How many of the training images are abnormal."""
        return int(np.floor(share * self.size))


class FilmMixtures:
    """Films of a set: normals of its training part, abnormals of its pool.

    Each seed draws its own films; of one seed, a higher share keeps the abnormals of a lower one,
    so that shares differ in little else.

    Args:
        load: the data set at a contamination; its mixed-in films stand last in ``train``.
        shares: of abnormals that are wanted, each in [0, 1).
        size: of every training set; None for as many films as the shares allow.

    Raises:
        DataError: too few films for these shares.
    """

    def __init__(self, load: Load, shares: Sequence[float], size: int | None = None) -> None:
        base = load(0.0)
        normals, pool = len(base.train), _pool_of(base)
        top = max(shares)
        if top > 0 and pool == 0:
            raise DataError(
                f"'{base.name}' has no abnormal films on its training side to mix in: the test and "
                "validation parts are not touched for that"
            )
        most = int(min(normals / (1 - min(shares)), pool / top if top > 0 else normals))
        self.size = min(size or most, most)
        if self.size < MIN_TRAIN:
            raise DataError(
                f"{normals} normal and {pool} abnormal films make training sets of {self.size} at "
                f"a share of {in_percent(top, 0)}: at least {MIN_TRAIN} are needed"
            )
        wanted = self.abnormal(top)
        self.data = load(wanted / (wanted + normals)) if wanted else base
        self._normals = self.data.train[:normals]
        self._abnormals = self.data.train[normals:]
        if len(self._abnormals) < wanted:
            raise DataError(f"'{base.name}' gave {len(self._abnormals)} abnormals, not {wanted}")

    def train(self, share: float, seed: int) -> UInt8[np.ndarray, "size height width"]:
        """A training set of this share, normals first."""
        count = self.abnormal(share)
        rng = np.random.default_rng(seed)
        normals = rng.permutation(len(self._normals))[: self.size - count]
        abnormals = rng.permutation(len(self._abnormals))[:count]
        return np.concatenate([self._normals[normals], self._abnormals[abnormals]])

    def abnormal(self, share: float) -> int:
        """How many of the training films are abnormal."""
        return round(share * self.size)


def _pool_of(data: RadiographData) -> int:
    """Abnormal films of the training side that no part uses."""
    return int(data.facts.get("films", {}).get("pool", {}).get("abnormal", 0))
