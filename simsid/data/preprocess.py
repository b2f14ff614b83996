"""From a decoded image to what a model takes; the settings live in the model folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from skimage.exposure import equalize_adapthist

FITS = ("squash", "letterbox", "crop")
_LEVELS = np.float32(255)
_PERCENTILE_PIXELS = 1_000_000  # a percentile needs no more pixels than these


@dataclass(frozen=True)
class Preprocessing:
    """Window, fit, resize, equalise: the same in training and at every door.

    Attributes:
        image_size: (height, width) in pixels that the model takes.
        fit: 'squash' stretches to the size (as the papers' data), 'letterbox' keeps the aspect
            ratio and pads with black, 'crop' keeps it and cuts the longer side, centred.
        window: (low, high) percentiles of the film's own grey levels that become 0 and 1, or None.
            Letterboxing pads afterwards, so padding never moves the window.
        clahe: clip limit of contrast-limited adaptive histogram equalisation; 0 for none.
    """

    image_size: tuple[int, int]
    fit: str = "squash"
    window: tuple[float, float] | None = None
    clahe: float = 0.0

    def __post_init__(self) -> None:
        if len(self.image_size) != 2 or min(self.image_size) < 1:
            raise ValueError(f"image_size must be (height, width) in pixels, not {self.image_size}")
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, not '{self.fit}'")
        if self.window is not None and not 0 <= self.window[0] < self.window[1] <= 100:
            raise ValueError(
                f"window must be two percentiles from 0 to 100, the lower one first, not {self.window}"
            )
        if not 0 <= self.clahe <= 1:
            raise ValueError(f"clahe must be from 0 to 1, not {self.clahe}")

    def apply(self, image: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "h w"]:
        """Bring a film to the model: float32 in [0, 1], in the 256 grey levels that training has.

        Args:
            image: float32 in [0, 1], any size.
        """
        if self.window is not None:
            image = _stretch(image, self.window)
        (top, bottom, left, right), (height, width) = self._geometry(image.shape)
        content = _resize(image[top:bottom, left:right], (height, width))
        if self.clahe > 0:
            content = equalize_adapthist(content, clip_limit=self.clahe).astype(np.float32)
        out = np.zeros(self.image_size, np.float32)
        row, col = (self.image_size[0] - height) // 2, (self.image_size[1] - width) // 2
        out[row : row + height, col : col + width] = content
        return np.round(out * _LEVELS) / _LEVELS

    def apply_mask(self, mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "h w"]:
        """The same geometry for pixel truth."""
        (top, bottom, left, right), (height, width) = self._geometry(mask.shape)
        content = _resize(mask[top:bottom, left:right].astype(np.float32), (height, width)) > 0.5
        out = np.zeros(self.image_size, bool)
        row, col = (self.image_size[0] - height) // 2, (self.image_size[1] - width) // 2
        out[row : row + height, col : col + width] = content
        return out

    def apply_boxes(
        self, boxes: Sequence[Sequence[float]], shape: tuple[int, int]
    ) -> Float[np.ndarray, "n 4"]:
        """The same geometry for boxes.

        Args:
            boxes: (left, top, right, bottom) each, as shares of the film's width and height.
            shape: (height, width) of the film as it was decoded.

        Returns:
            (left, top, right, bottom) in pixels of the model's image, cut off at its border; a box
            that lies outside of it is dropped.
        """
        (top, bottom, left, right), (height, width) = self._geometry(shape)
        row, col = (self.image_size[0] - height) / 2, (self.image_size[1] - width) / 2
        pixels = np.asarray(boxes, np.float32).reshape(-1, 4) * np.tile(shape[::-1], 2)
        x = (pixels[:, 0::2] - left) * width / (right - left) + int(col)
        y = (pixels[:, 1::2] - top) * height / (bottom - top) + int(row)
        moved = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)
        moved = np.clip(moved, 0, np.tile(self.image_size[::-1], 2)).astype(np.float32)
        return moved[(moved[:, 2] > moved[:, 0]) & (moved[:, 3] > moved[:, 1])]

    def restore(
        self, values: Float[np.ndarray, "h w"], shape: tuple[int, int], outside: float
    ) -> Float[np.ndarray, "height width"]:
        """The geometry turned round: what a model says of its pixels, over the whole film.

        Args:
            values: of each of the model's pixels, an anomaly map for one.
            shape: (height, width) of the film, at any size of the same proportions.
            outside: value of what the model never saw, where ``fit`` cuts.
        """
        import torch  # takes seconds, and a refused option needs none

        (top, bottom, left, right), (height, width) = self._geometry(shape)
        row, col = (self.image_size[0] - height) // 2, (self.image_size[1] - width) // 2
        content = np.ascontiguousarray(values[row : row + height, col : col + width], np.float32)
        out = np.full(shape, outside, np.float32)
        out[top:bottom, left:right] = torch.nn.functional.interpolate(
            torch.from_numpy(content)[None, None],
            size=(bottom - top, right - left),
            mode="bilinear",
            align_corners=False,
        )[0, 0].numpy()
        return out

    def _geometry(
        self, shape: tuple[int, ...]
    ) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
        """(top, bottom, left, right) of what is kept, and (height, width) that it becomes."""
        (rows, cols), (height, width) = shape, self.image_size
        if self.fit == "letterbox":
            ratio = min(height / rows, width / cols)
            return (0, rows, 0, cols), (max(1, round(rows * ratio)), max(1, round(cols * ratio)))
        if self.fit == "crop":
            ratio = max(height / rows, width / cols)
            kept_rows, kept_cols = min(rows, round(height / ratio)), min(cols, round(width / ratio))
            top, left = (rows - kept_rows) // 2, (cols - kept_cols) // 2
            return (top, top + kept_rows, left, left + kept_cols), self.image_size
        return (0, rows, 0, cols), self.image_size

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _stretch(
    image: Float[np.ndarray, "height width"], window: tuple[float, float]
) -> Float[np.ndarray, "height width"]:
    step = max(1, int(np.sqrt(image.size / _PERCENTILE_PIXELS)))
    low, high = np.percentile(image[::step, ::step], window)
    if high <= low:  # nearly all pixels alike: there is nothing to stretch
        return image
    return np.clip((image - low) / (high - low), 0, 1).astype(np.float32)


def _resize(
    image: Float[np.ndarray, "height width"], size: tuple[int, int]
) -> Float[np.ndarray, "h w"]:
    """Antialiased bilinear."""
    if image.shape == tuple(size):
        return image
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
    resized = torch.nn.functional.interpolate(
        pixels, size=tuple(size), mode="bilinear", antialias=True, align_corners=False
    )
    return resized[0, 0].clamp_(0.0, 1.0).numpy()
