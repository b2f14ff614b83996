"""Cheap references: five methods of a few lines each that a method worth its name must beat.

None is trained: each looks at the normals once and keeps a number, a picture or thumbnails. All
are two-sided (distance *from* the normals, whichever way), since nobody who has only normals can
know whether the abnormal is brighter or darker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence
from simsid.detectors.method import Batches
from simsid.detectors.registry import register
from simsid.models.layers import standardise
from simsid.models.patches import image_to_patches

DISTANCE = "distance"
_THUMBNAIL = 32  # px
_MOST_THUMBNAILS = 4096  # 8 MB in half precision
_ITSELF = 1e-6  # mean squared difference below which a thumbnail is the film's own
_LEAST_STD = 0.02  # grey levels of [0, 1]: a border that is black in every normal must not rule
_BLUR = 5


@dataclass(frozen=True, kw_only=True)
class ReferenceConfig(DetectorConfig):
    """Numbers of every reference; saved with its statistics.

    The same for 'quick' and 'paper': there is nothing to make larger.
    """

    fusion: tuple[tuple[str, float], ...] = ((DISTANCE, 1.0),)
    reduce: str = "mean"


class Reference(Detector):
    """What the references share: one component, and nothing to train.

    Component: ``distance``, at least 0, of grey levels in [0, 1]; higher = more abnormal.
    """

    config_class = ReferenceConfig
    components = (DISTANCE,)
    own_maps: ClassVar[bool] = True
    config: ReferenceConfig

    def stages(self) -> tuple[()]:
        return ()


class GreyReference(Reference):
    """Distance of one number of the film from its mean over normals, in every region alike."""

    gives_reconstruction = False
    centre: Tensor

    def __init__(self, config: ReferenceConfig) -> None:
        super().__init__(config)
        self.register_buffer("centre", torch.zeros(()))

    def number(self, images: Tensor) -> Float[Tensor, " batch"]:
        """The number of each film that is looked at."""
        raise NotImplementedError

    def consolidate(self, batches: Batches) -> None:
        numbers = torch.cat([self.number(images.to(self.device)) for images in batches()])
        self.centre.copy_(numbers.double().mean())

    def evidence(self, images: Tensor) -> Evidence:
        distance = (self.number(images) - self.centre).abs()
        rows, cols = self.grid_size
        return Evidence({DISTANCE: distance[:, None].expand(-1, rows * cols)})


@register
class MeanGrey(GreyReference):
    """How far the film's mean grey level lies from that of the mean normal."""

    name = "mean-grey"

    def number(self, images: Tensor) -> Float[Tensor, " batch"]:
        return images.mean((1, 2, 3))


@register
class Contrast(GreyReference):
    """How far the standard deviation of the film's pixels lies from that of the mean normal."""

    name = "contrast"

    def number(self, images: Tensor) -> Float[Tensor, " batch"]:
        return images.std((1, 2, 3))


@register
class Sharpness(GreyReference):
    """How far the film's gradient energy lies from that of the mean normal.

    The mean squared difference of neighbouring pixels, along rows and columns, of films brought to
    unit variance: detail by itself, whatever the exposure. What it sees may be the scanner.
    """

    name = "sharpness"

    def number(self, images: Tensor) -> Float[Tensor, " batch"]:
        films = standardise(images)
        along = [films.diff(dim=axis).square().mean((1, 2, 3)) for axis in (2, 3)]
        return along[0] + along[1]


@register
class ThumbnailNearestNeighbour(Reference):
    """Mean squared difference from the nearest normal thumbnail of 32 x 32 px, region by region.

    The reconstruction is that thumbnail. One that equals the film's own is passed over, so that
    training normals too are compared with their neighbours; of more than 4096 normals, evenly
    spaced ones are kept.
    """

    name = "thumbnail-nn"
    growing: ClassVar[tuple[str, ...]] = ("memory_bank",)
    memory_bank: Tensor

    def __init__(self, config: ReferenceConfig) -> None:
        super().__init__(config)
        self.register_buffer("memory_bank", torch.zeros(1, _THUMBNAIL**2))

    def consolidate(self, batches: Batches) -> None:
        bank = torch.cat([_thumbnails(images.to(self.device)) for images in batches()])
        step = -(-len(bank) // _MOST_THUMBNAILS)
        self.memory_bank = bank[::step].half().float()  # kept in half the space

    def evidence(self, images: Tensor) -> Evidence:
        own = _thumbnails(images)
        distances = torch.cdist(own, self.memory_bank, compute_mode="donot_use_mm_for_euclid_dist")
        if len(self.memory_bank) > 1:
            itself = distances.square() / own.shape[1] < _ITSELF
            distances = distances.masked_fill(itself, torch.inf)
        nearest = self.memory_bank[distances.argmin(1)].reshape(-1, 1, _THUMBNAIL, _THUMBNAIL)
        nearest = _resized(nearest, self.image_size)
        smooth = _resized(own.reshape(-1, 1, _THUMBNAIL, _THUMBNAIL), self.image_size)
        residual = (smooth - nearest).square()
        regions = image_to_patches(residual, self.grid_size).mean((2, 3, 4))
        return Evidence({DISTANCE: regions}, {DISTANCE: residual}, nearest)


@register
class PixelGaussian(Reference):
    """Squared distance from the normals' mean at each pixel, in their variances at that pixel.

    The reconstruction is the mean normal. The map is blurred a little: films are never aligned
    to the pixel.
    """

    name = "pixel-gaussian"
    mean: Tensor
    variance: Tensor

    def __init__(self, config: ReferenceConfig) -> None:
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(1, 1, *self.image_size))
        self.register_buffer("variance", torch.ones(1, 1, *self.image_size))

    def consolidate(self, batches: Batches) -> None:
        count = sum(len(images) for images in batches())
        zero = torch.zeros_like(self.mean, dtype=torch.float64)
        total = sum((images.double().sum(0, keepdim=True) for images in batches()), start=zero)
        mean = total / count
        each = ((images - mean).square().sum(0, keepdim=True) for images in batches())
        squares = sum(each, start=zero)
        self.mean.copy_(mean)
        self.variance.copy_((squares / max(1, count - 1)).clamp_min(_LEAST_STD**2))

    def evidence(self, images: Tensor) -> Evidence:
        squared = (images - self.mean).square() / self.variance
        regions = image_to_patches(squared, self.grid_size).mean((2, 3, 4))
        pixels = F.avg_pool2d(squared, _BLUR, 1, _BLUR // 2, count_include_pad=False)
        return Evidence({DISTANCE: regions}, {DISTANCE: pixels}, self.mean.expand_as(images))


def _thumbnails(images: Float[Tensor, "batch 1 h w"]) -> Float[Tensor, "batch pixels"]:
    return F.adaptive_avg_pool2d(images, _THUMBNAIL).flatten(1)


def _resized(thumbnails: Tensor, size: tuple[int, int]) -> Float[Tensor, "batch 1 h w"]:
    return F.interpolate(thumbnails, size, mode="bilinear", align_corners=False)
