"""All numbers of ``region-patchcore``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simsid.data.image_kind import Cells, ImageKind
from simsid.detectors.config import DetectorConfig
from simsid.detectors.patch_memory import settings_for
from simsid.models.backbones import OWN
from simsid.models.variation import VariationRange

REGION, GLOBAL = "region", "global"
_JITTER = VariationRange(
    scale=0.1, stretch=0.05, rotation=0.08, shift=0.08,
    gamma=0.2, contrast=0.2, brightness=0.05, sharpness=0.0, noise=0.0,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RegionPatchCoreConfig(DetectorConfig):
    """All numbers of ``region-patchcore``; saved with the weights.

    Attributes:
        grid_size: regions in which scores are told, of the film as it came.
        cells: rows and columns of the aligned film that have a memory each (n x n), 1 to 16.
        align, masking, regions: switches of the three parts, for ablation.
        align_rounds: times that the canonical film is made anew from better aligned ones.
        align_width, align_learning_rate: of the network. canonical_films: of which the median is taken.
        jitter: how far films are moved while alignment is learned.
        mask_threshold: grey above which the canonical film shows a body.
        neighbours: stored vectors whose mean distance counts (K, eq. 1, where it is squared).
        coreset_share, coreset_most: as in ``PatchCoreConfig``, of the global memory and again of
            each region's; so are the other settings.
        fusion: region to global, 6 : 4 in the paper.
    """

    cells: tuple[int, int] = (4, 4)
    align: bool = True
    masking: bool = True
    regions: bool = True
    align_rounds: int = 3
    align_width: int = 16
    align_learning_rate: float = 2e-3
    canonical_films: int = 500
    jitter: VariationRange = _JITTER
    mask_threshold: float = 10 / 255
    backbone: str = OWN
    width: int = 32
    layers: tuple[int, ...] = (2, 3)
    pretraining: bool = True
    learning_rate: float = 1e-3
    coreset_share: float = 0.01
    coreset_most: int = 2000
    places_per_film: int = 64
    projected_dim: int = 64
    neighbours: int = 3
    blur: float = 4.0
    fusion: tuple[tuple[str, float], ...] = ((REGION, 0.6), (GLOBAL, 0.4))

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' is a full ResNet with 1 % stored.

        Data with a grid of their own have a memory for each of its regions; films have 4 x 4.
        What else differs between them: see ``PatchCoreConfig.numbers``.
        """
        cells = kind.grid_size if isinstance(kind, Cells) else (4, 4)
        numbers = settings_for(kind) | {"cells": cells}
        if preset == "quick":
            return numbers
        return numbers | {
            "align_width": 32,
            "width": 64,
            "coreset_most": 20000,
            "places_per_film": 256,
            "projected_dim": 128,
        }
