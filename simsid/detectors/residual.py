"""Evidence from a reconstruction: where the image differs from what normals would give."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.detectors.contract import Evidence
from simsid.models.patches import image_to_patches

RECONSTRUCTION = "reconstruction"
_BLUR = 5


def residual_evidence(
    images: Float[Tensor, "batch 1 height width"],
    rebuilt: Float[Tensor, "batch 1 height width"],
    grid_size: tuple[int, int],
) -> Evidence:
    """The component ``reconstruction``: mean squared residual of each region.

    Higher = more abnormal. Its pixels are squared after a small blur, so that an edge one pixel
    off does not count.
    """
    residual = rebuilt - images
    regions = image_to_patches(residual.square(), grid_size).mean((2, 3, 4))
    blurred = F.avg_pool2d(residual, _BLUR, 1, _BLUR // 2, count_include_pad=False)
    return Evidence({RECONSTRUCTION: regions}, {RECONSTRUCTION: blurred.square()}, rebuilt)
