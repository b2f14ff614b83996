"""What the evidence of training normals is like: the yardstick of every score and map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from simsid.detectors.contract import Evidence

_MIN_STD = 1e-6
_MIN_SHARE = 0.05  # of the median region: one that hardly varies must not drown the others


class NormalStatistics(NamedTuple):
    """Means and standard deviations, never zero, of each component.

    Attributes:
        region_mean, region_std: by region.
        pixel_mean, pixel_std: over all pixels of its map; 0 and the least where it has none.
    """

    region_mean: Float[Tensor, "components patches"]
    region_std: Float[Tensor, "components patches"]
    pixel_mean: Float[Tensor, " components"]
    pixel_std: Float[Tensor, " components"]


def mean_film(
    batches: Iterable[Float[Tensor, "batch 1 height width"]],
    like: Float[Tensor, "1 1 height width"],
) -> Float[Tensor, "1 1 height width"]:
    """The mean of all films in float64, on the device of ``like``."""
    total, count = torch.zeros_like(like, dtype=torch.float64), 0
    for images in batches:
        total, count = total + images.double().sum(0, keepdim=True), count + len(images)
    return total / count


def largest_distance(
    regions: Float[Tensor, "batch patches"],
    mean: Float[Tensor, " patches"],
    std: Float[Tensor, " patches"],
) -> Float[Tensor, " batch"]:
    """The largest raw value of each image, in units of the mean region: PaDiM's and PatchCore's score.

    Args:
        regions: standardised by ``mean`` and ``std``, those of training normals, region by region.
    """
    raw = regions * std + mean
    return (raw.amax(1) - mean.mean()) / std.mean()


def normal_statistics(
    evidences: Iterable[tuple[Evidence, int]], components: Sequence[str]
) -> NormalStatistics:
    """Statistics in one pass, in float64.

    Args:
        evidences: of each batch of normals, with the number of its pixels.
    """
    regions, count = [], 0
    sums = squares = torch.zeros((), dtype=torch.float64)
    for evidence, size in evidences:
        regions.append(torch.stack([evidence.regions[name].double() for name in components]))
        pixels = torch.stack(
            [
                evidence.pixels[name].double().flatten()
                if name in evidence.pixels
                else regions[-1].new_zeros(size)
                for name in components
            ]
        )
        sums, squares = sums + pixels.sum(1), squares + pixels.square().sum(1)
        count += size
    stacked = torch.cat(regions, 1)
    std = stacked.std(1)
    floor = (_MIN_SHARE * std.median(1, keepdim=True).values).clamp_min(_MIN_STD)
    mean = sums / count
    return NormalStatistics(
        stacked.mean(1),
        torch.maximum(std, floor),
        mean,
        (squares / count - mean.square()).clamp_min(_MIN_STD**2).sqrt(),
    )
