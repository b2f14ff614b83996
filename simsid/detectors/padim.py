"""PaDiM: at every position, how far are a film's features from the Gaussian of normal ones?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.data.image_kind import Films, ImageKind
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Stage
from simsid.detectors.method import Batches
from simsid.detectors.normal_statistics import largest_distance
from simsid.detectors.pretrained import load_pretrained
from simsid.detectors.registry import register
from simsid.models.backbones import OWN, build_backbone
from simsid.models.gaussian import PositionGaussian
from simsid.models.patch_features import blur_for, smooth
from simsid.models.statistics import settle_statistics

MAHALANOBIS = "mahalanobis"
_SMALLEST = 32


@dataclass(frozen=True, kw_only=True)
class PadimConfig(DetectorConfig):
    """All numbers of ``padim``; saved with the weights.

    Attributes:
        grid_size: regions in which scores are told; positions are finer.
        backbone, layers, width: see ``build_backbone``; the maps of ``layers`` are joined.
        dimensions: channels kept of the joined maps, drawn once; at most as many as they have.
        blur: standard deviation of the map's Gaussian, in pixels of an image of 224.
        reduce: 'max' is the paper's image score.
    """

    backbone: str = OWN
    layers: tuple[int, ...] = (1, 2, 3)
    width: int = 32
    dimensions: int = 50
    blur: float = 4.0
    fusion: tuple[tuple[str, float], ...] = ((MAHALANOBIS, 1.0),)
    reduce: str = "mean"

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """50 channels of a narrow ResNet-18 for 'quick', 100 of a whole one for 'paper'.

        Films are scored as in the paper. Data with a grid of their own are scored by the mean of
        all regions: blank paper is ordinary to an untrained network, and no distance is large where
        a digit is missing.

        Raises:
            ValueError: an image below 32 px.
        """
        if min(image_size) < _SMALLEST:
            raise ValueError(f"images must be at least {_SMALLEST} px, not {image_size}")
        reduce = "max" if isinstance(kind, Films) else "mean"
        if preset == "paper":
            return {"width": 64, "dimensions": 100, "reduce": reduce}
        return {"reduce": reduce}


@register
class Padim(Detector):
    """Patch distribution modelling on a backbone that training does not change.

    Component, higher = more abnormal:

    - ``mahalanobis``: the largest smoothed distance in each region, in standard deviations; the map
      is that distance in each pixel.

    The default backbone is an untrained ResNet-18, since pretrained weights cannot be had
    everywhere; ``--detector.backbone torchvision:resnet18`` fetches them.

    Relative to the paper: see ``PositionGaussian``; the image score of ``mahalanobis`` is the
    paper's, and so is ``fused`` where ``reduce`` is 'max'; where it is 'mean', ``fused`` is the mean
    over regions in units of their normals, which also sees what is missing.

    Source: Defard et al., 'PaDiM', ICPR 2020.
    """

    name = "padim"
    config_class = PadimConfig
    components = (MAHALANOBIS,)
    gives_reconstruction: ClassVar[bool] = False
    own_maps: ClassVar[bool] = True
    config: PadimConfig
    kept: Tensor

    def __init__(self, config: PadimConfig) -> None:
        super().__init__(config)
        self.backbone = build_backbone(config.backbone, config.layers, config.width)
        available = sum(self.backbone.channels)
        if not 1 <= config.dimensions <= available:
            raise ValueError(
                f"dimensions must lie within 1 and {available}, the channels of layers "
                f"{config.layers}, not {config.dimensions}"
            )
        kept = sorted(random.Random(0).sample(range(available), config.dimensions))
        self.register_buffer("kept", torch.tensor(kept), persistent=False)
        stride = self.backbone.strides[0]
        size = (-(-self.image_size[0] // stride), -(-self.image_size[1] // stride))
        self.gaussian = PositionGaussian(config.dimensions, size)
        self.sigma = blur_for(config.blur, self.image_size)

    def stages(self) -> Sequence[Stage]:
        return ()

    def consolidate(self, batches: Batches) -> None:
        if self.backbone.pretrained:
            load_pretrained(self.backbone)
            self.round_weights()
        else:
            settle_statistics(self.backbone, self._on_device(batches))
        self.backbone.eval()
        self.gaussian.fit(lambda: map(self.features, self._on_device(batches)))

    def _on_device(self, batches: Batches) -> Iterator[Tensor]:
        return (images.to(self.device) for images in batches())

    @torch.no_grad()
    def features(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch dimensions h w"]:
        """Joined maps at the size of the first, the kept channels only."""
        maps = self.backbone(images)
        size = maps[0].shape[2:]
        joined = torch.cat([F.interpolate(m, size=size, mode="nearest") for m in maps], 1)
        return joined[:, self.kept].float()

    def evidence(self, images: Tensor) -> Evidence:
        distance = self.gaussian(self.features(images))
        pixels = smooth(distance, self.image_size, self.sigma)
        regions = F.adaptive_max_pool2d(pixels, self.grid_size).flatten(1)
        return Evidence({MAHALANOBIS: regions}, {MAHALANOBIS: pixels})

    def image_score(self, name: str, regions: Tensor) -> Tensor:
        """The paper's: the largest distance of all, in units of the mean region."""
        if name != MAHALANOBIS and self.config.reduce != "max":
            return super().image_score(name, regions)
        return largest_distance(regions, self.region_mean[0], self.region_std[0])
