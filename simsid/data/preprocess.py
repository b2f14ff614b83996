"""From a decoded image to what a model takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float


@dataclass(frozen=True)
class Preprocessing:
    """Resizing, the same in training and in scoring.

    Attributes:
        image_size: (height, width) in pixels that the model takes. The aspect ratio is not kept,
            as in the papers' data.
    """

    image_size: tuple[int, int]

    def apply(self, image: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "h w"]:
        """Antialiased bilinear resize, then rounding to the 256 grey levels that training has.

        Args:
            image: float32 in [0, 1].
        """
        if image.shape != tuple(self.image_size):
            image = self._resize(image)
        return np.round(image * 255) / np.float32(255)

    def _resize(self, image: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "h w"]:
        pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
        resized = F.interpolate(
            pixels,
            size=tuple(self.image_size),
            mode="bilinear",
            antialias=True,
            align_corners=False,
        )
        return resized[0, 0].clamp_(0.0, 1.0).numpy()
