"""PatchCore: the distance of each place's features to the nearest of those stored from normals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.image_kind import ImageKind
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence
from simsid.detectors.method import Batches
from simsid.detectors.normal_statistics import largest_distance
from simsid.detectors.patch_memory import PatchMemoryDetector, settings_for
from simsid.detectors.registry import register
from simsid.models.backbones import OWN
from simsid.models.coreset import nearest, reweighted
from simsid.models.patch_features import smooth

NEAREST = "nearest"


@dataclass(frozen=True, kw_only=True)
class PatchCoreConfig(DetectorConfig):
    """All numbers of ``patchcore``; saved with the weights.

    Attributes:
        grid_size: regions in which scores are told; the memory does not know them.
        backbone, width, layers: see ``simsid.models.backbones.build_backbone``.
        pretraining: whether MSACL trains a backbone that comes without weights.
        learning_rate: of that.
        coreset_share: stored vectors, as a share of those of all places of all training normals.
        coreset_most: and no more than these.
        places_per_film: drawn at random, of which the coreset is chosen: bounds the memory.
        projected_dim: dimensions in which the coreset is chosen.
        neighbours: of a stored vector, that tell whether it is a rare one; 1: scores as they are.
        blur: standard deviation of the map's Gaussian, in pixels of an image of 224.
    """

    backbone: str = OWN
    width: int = 32
    layers: tuple[int, ...] = (2, 3)
    pretraining: bool = True
    learning_rate: float = 1e-3
    coreset_share: float = 0.01
    coreset_most: int = 2000
    places_per_film: int = 64
    projected_dim: int = 64
    neighbours: int = 9
    blur: float = 4.0
    fusion: tuple[tuple[str, float], ...] = ((NEAREST, 1.0),)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' is a full ResNet with 10 % stored.

        Films have a backbone that MSACL trains and are scored by the mean of all regions: what
        disease does to a film is seldom in one place. Data with a grid of their own are scored by
        the worst region, on finer features of random weights: MSACL is for lesions, and on digits
        it lowers the score.
        """
        if preset == "quick":
            return settings_for(kind)
        return settings_for(kind) | {
            "width": 64,
            "coreset_share": 0.1,
            "coreset_most": 20000,
            "places_per_film": 256,
            "projected_dim": 128,
        }


@register
class PatchCore(PatchMemoryDetector):
    """PatchCore. Source: Roth et al., 'Towards total recall in industrial anomaly detection', 2022.

    Component, higher = more abnormal:

    - ``nearest``: of each region the largest distance of a place to the nearest stored vector,
      re-weighted; its image score is the paper's, the largest of all. The map shows the distances
      as they are, blurred.

    Relative to the paper: MSACL learns the backbone from the normals unless a pretrained one is
    named; the coreset is chosen from a random sample of each film's places; ``fused`` compares
    each region with what it is among normals before they are reduced to one score.
    """

    name = "patchcore"
    config_class = PatchCoreConfig
    components = (NEAREST,)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 4, "paper": 100}
    growing: ClassVar[tuple[str, ...]] = ("memory_bank",)
    config: PatchCoreConfig
    memory_bank: Tensor

    def __init__(self, config: PatchCoreConfig) -> None:
        super().__init__(config)
        self.register_buffer("memory_bank", torch.zeros(1, self.features.dim))

    def remember(self, batches: Batches) -> None:
        vectors, _, total = self.sample(batches)
        self.memory_bank = self.chosen(vectors, total)

    def evidence(self, images: Tensor) -> Evidence:
        maps = self.features(images)
        queries = maps.flatten(2).transpose(1, 2)  # batch, places, dim
        distance, found = (x[:, 0] for x in nearest(queries.flatten(0, 1), self.memory_bank))
        scores = distance.reshape(images.shape[0], 1, *maps.shape[2:])
        largest, at = F.adaptive_max_pool2d(scores, self.grid_size, return_indices=True)
        at = at.flatten(1)
        regions = reweighted(
            largest.flatten(),
            queries.gather(1, at[:, :, None].expand(-1, -1, queries.shape[2])).flatten(0, 1),
            found.reshape(images.shape[0], -1).gather(1, at).flatten(),
            self.memory_bank,
            self.config.neighbours,
        ).reshape(images.shape[0], -1)
        return Evidence({NEAREST: regions}, {NEAREST: smooth(scores, self.image_size, self.sigma)})

    def image_score(self, name: str, regions: Tensor) -> Tensor:
        """Of ``nearest`` the paper's: the largest distance of all, in units of the mean region."""
        if name != NEAREST:
            return super().image_score(name, regions)
        return largest_distance(regions, self.region_mean[0], self.region_std[0])
