"""Where in a film: regions say where to look, and pixels far from the mean normal film stand out."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.models.layers import square_mean


def deviation(
    images: Float[Tensor, "batch 1 height width"], normal: Float[Tensor, "1 1 height width"]
) -> Float[Tensor, "batch 1 height width"]:
    """Distance from the mean normal film, blurred a little."""
    return square_mean((images - normal).abs())


def localise(
    regions: Float[Tensor, "batch 1 rows cols"],
    deviations: Float[Tensor, "batch 1 height width"],
    typical: Float[Tensor, ""],
    floor: float,
    image_size: tuple[int, int],
) -> Float[Tensor, "batch 1 height width"]:
    """Scores of regions as a map, drawn out where a film is far from the mean normal one.

    The factor is 1 on average over normals, so the map stays in units of the regions' scores;
    regions more normal than average fade to zero.

    Args:
        regions: standardised.
        deviations: see :func:`deviation`.
        typical: the mean deviation of normals.
        floor: is added to both; the larger, the less pixels count within a region.
    """
    factor = (floor + deviations) / (floor + typical)
    return F.interpolate(F.softplus(regions), size=image_size, mode="nearest") * factor
