"""Where the patient is on a film, so that a map stays on the body; softly, since edges are guessed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import ndimage

_DARK = 0.08  # of white: air beside the patient, and what a collimator has cut off
_SMOOTH, _THIN, _SOFT = 96, 64, 64  # parts of the longer side


def body_mask(image: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """1 on the body, 0 on dark ground that reaches the film's edge, with a soft border between.

    Lungs are dark too, but enclosed. A film without dark ground is body all over.

    Args:
        image: float in [0, 1], air dark.
    """
    side = max(image.shape)
    smooth = ndimage.gaussian_filter(image.astype(np.float32), side / _SMOOTH)
    labels, _ = ndimage.label(smooth < _DARK)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    inside = ~np.isin(labels, edge[edge > 0])
    if inside.all() or not inside.any():
        return np.ones(image.shape, np.float32)
    opened = ndimage.binary_opening(np.pad(inside, side // 8, "edge"), iterations=side // _THIN + 1)
    cut = opened[side // 8 : -(side // 8), side // 8 : -(side // 8)]
    # From 1 at the body's own edge inward: blurring alone would leave half of the map outside it.
    eroded = ndimage.binary_erosion(cut, iterations=side // _SMOOTH + 1, border_value=1)
    return ndimage.gaussian_filter(eroded.astype(np.float32), side / _SOFT, mode="nearest")
