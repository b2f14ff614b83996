"""Labelled DigitAnatomy images drawn for a curve, with the regions of their truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8

from simsid.benchmark.records import Interval
from simsid.errors import DataError
from simsid.evaluation.bootstrap import auroc_interval
from simsid.evaluation.metrics import auroc
from synth import AnatomyConfig, DigitAnatomy, SynthError
from synth.places import region_map
from synth.tracks import TRACKS, track_sets

SPLIT = "val"
FRESH = 10_000
"""Number of the first image that a curve takes: those before are for calibration and on disk."""
LOCAL = 20_000
"""Number of the first normal to recalibrate on."""


@dataclass(frozen=True)
class Digits:
    """Images with truth, the normal ones first.

    Attributes:
        images: (n, height, width) uint8.
        labels: (n,) 0 normal, 1 abnormal.
        kinds, families: (n,) text; 'normal' for both of a normal.
        regions: (n, height, width), 0 outside, k in the k-th region of an image.
        saturations: of each image's regions, see ``simsid.evaluation.saturated_overlap``.
    """

    images: UInt8[np.ndarray, "n height width"]
    labels: Int[np.ndarray, " n"]
    kinds: np.ndarray
    families: np.ndarray
    regions: Int[np.ndarray, "n height width"]
    saturations: tuple[tuple[int, ...], ...]


def track_anatomy(track: str, folder: str | None = None) -> AnatomyConfig:
    """The anatomy of a track's training set, or of another of its sets.

    Raises:
        DataError: there is no such track or set.
    """
    try:
        sets = track_sets(track)
    except SynthError as error:
        raise DataError(f"--track: {error}") from error
    if folder is None:
        return next(iter(sets.values())).anatomy
    if folder not in sets:
        have = ", ".join(name for name, parts in TRACKS.items() if folder in parts)
        raise DataError(f"--track {track} has no '{folder}' set; take {have}")
    return sets[folder].anatomy


def draw_digits(config: AnatomyConfig, normals: int, per_kind: int) -> Digits:
    """Draw fresh validation images: normals, and as many of each kind that can be shown.

    Raises:
        DataError: the glyphs cannot be read.
    """
    try:
        anatomy = DigitAnatomy(config)
        samples = [
            sample
            for kind in anatomy.kinds
            for sample in anatomy.samples(
                SPLIT, kind, range(FRESH, FRESH + (normals if kind == "normal" else per_kind))
            )
        ]
    except SynthError as error:
        raise DataError(str(error)) from error
    return Digits(
        images=np.stack([sample.image for sample in samples]),
        labels=np.array([sample.label for sample in samples]),
        kinds=np.array([sample.kind for sample in samples]),
        families=np.array([sample.factors["family"] for sample in samples]),
        regions=np.stack([region_map(s.mask, s.places, config.cell) for s in samples]),
        saturations=tuple(tuple(p.saturation for p in s.places) for s in samples),
    )


def local_normals(config: AnatomyConfig, count: int) -> UInt8[np.ndarray, "n height width"]:
    """Normals of a population that no curve measures, to recalibrate on."""
    return DigitAnatomy(config).images(SPLIT, "normal", range(LOCAL, LOCAL + count))


def area_of(labels: np.ndarray, scores: np.ndarray) -> tuple[float, Interval]:
    """AUROC of images of both classes, with its 95 % interval over them."""
    area = auroc(labels, scores)
    assert area is not None
    return area, auroc_interval(labels, scores)
