"""PaDiM: at every position, how far are a film's features from the Gaussian of normal ones?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.detectors.ae import default_grid
from simsid.detectors.base import Detector
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


@dataclass(frozen=True)
class PadimConfig:
    """All numbers of ``padim``; saved with the weights.

    Attributes:
        grid_size: regions in which scores are told; positions are finer.
        backbone, layers, width: see ``build_backbone``; the maps of ``layers`` are joined.
        dimensions: channels kept of the joined maps, drawn once; at most as many as they have.
        blur: standard deviation of the map's Gaussian, in pixels of an image of 224.
        fusion, reduce, map_floor: see ``Detector``; 'max' is the paper's image score.
    """

    image_size: tuple[int, int] = (96, 96)
    grid_size: tuple[int, int] = (3, 3)
    backbone: str = OWN
    layers: tuple[int, ...] = (1, 2, 3)
    width: int = 32
    dimensions: int = 50
    blur: float = 4.0
    fusion: tuple[tuple[str, float], ...] = ((MAHALANOBIS, 1.0),)
    reduce: str = "mean"
    map_floor: float = 0.2

    @classmethod
    def preset(
        cls, preset: str, image_size: tuple[int, int], grid_size: tuple[int, int] | None
    ) -> PadimConfig:
        """Numbers for 'quick' (50 channels of a narrow ResNet-18) or 'paper' (100 of a whole one).

        Films are scored as in the paper. Data with a grid of their own are scored by the mean of
        all regions: blank paper is ordinary to an untrained network, and no distance is large where
        a digit is missing.

        Raises:
            ValueError: an unknown preset, an image below 32 px, or, without a grid, one that is not
                a multiple of 16 px.
        """
        if preset not in ("quick", "paper"):
            raise ValueError(f"preset must be 'quick' or 'paper', not '{preset}'")
        if min(image_size) < _SMALLEST:
            raise ValueError(f"images must be at least {_SMALLEST} px, not {image_size}")
        grid = grid_size or default_grid(image_size)
        reduce = "max" if grid_size is None else "mean"
        if preset == "paper":
            return cls(image_size, grid, width=64, dimensions=100, reduce=reduce)
        return cls(image_size, grid, reduce=reduce)


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
