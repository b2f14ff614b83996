"""A decoded film, and what every film must satisfy whatever it came in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from simsid.data.decode.notes import in_words
from simsid.errors import ImageError

MIN_SIDE = 32
MAX_PIXELS = 50_000_000
MAX_ASPECT = 3.0


@dataclass(frozen=True)
class DecodedFilm:
    """Pixels and what was found on the way; never any text of the file's header.

    Attributes:
        pixels: (height, width) float32 in [0, 1], upright, high = bright.
        format: 'PNG', 'JPEG', 'TIFF', 'BMP', 'WEBP', 'GIF', 'DICOM' or 'NPY'.
        bits: the depth that the values were scaled by; 32 for floating point.
        photometric: how the file stores grey: 'grey', 'grey+alpha', 'palette', 'rgb', 'rgba',
            'cmyk', 'white is zero', 'MONOCHROME1', 'MONOCHROME2' and so on.
        warnings: codes of ``simsid.data.decode.notes``, each at most once.
    """

    pixels: Float[np.ndarray, "height width"]
    format: str
    bits: int
    photometric: str
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings in words, part of a sentence each."""
        return tuple(in_words(code, self.bits) for code in self.warnings)


def check_image(image: np.ndarray, name: str = "image") -> None:
    """Refuse an array that no detector can score.

    Raises:
        ImageError: with ``code`` unsupported (not two axes), too_small, aspect_ratio, not_finite,
            out_of_range or constant.
    """
    if image.ndim != 2:
        raise ImageError("unsupported", f"{name}: expected (height, width), got {image.shape}")
    check_size(image.shape[0], image.shape[1], name, max_pixels=None)
    low, high = float(image.min()), float(image.max())  # NaN passes through both
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError("not_finite", f"{name} holds values that are not finite")
    if low < 0 or high > 1:
        raise ImageError(
            "out_of_range", f"{name} has values from {low:.4g} to {high:.4g}, expected 0 to 1"
        )
    if low == high:
        raise ImageError("constant", f"{name} has one grey level only: there is nothing to score")


def check_size(height: int, width: int, name: str, max_pixels: int | None = MAX_PIXELS) -> None:
    """Refuse a size, which a header tells before anything is decoded.

    Raises:
        ImageError: with ``code`` too_small, too_large or aspect_ratio.
    """
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            "too_small", f"{name} has {height}x{width} px; a film needs at least {MIN_SIDE} a side"
        )
    if max_pixels is not None and height * width > max_pixels:
        raise ImageError(
            "too_large", f"{name} has {height}x{width} px, more than {max_pixels:,} in all"
        )
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise ImageError(
            "aspect_ratio",
            f"{name} has {height}x{width} px; a film's longer side is at most "
            f"{MAX_ASPECT:g} times the other",
        )


def damaged(name: str) -> ImageError:
    """The error for a file that ends early or contradicts its own format."""
    return ImageError("truncated", f"{name} is cut short or damaged")
