"""The film with its map, the words burned in, and the outlines of what stands out."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from skimage.measure import find_contours

from simsid.data.preprocess import Preprocessing
from simsid.map_scale import MapScale, overlay

LONGEST, SHORTEST = 1024, 512  # pixels of a picture's longer side
MOST_OUTLINES = 20
_LEAST_POINTS = 8


def shown_film(pixels: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "h w"]:
    """The film at a size for looking: its longer side between 512 and 1024 pixels."""
    longer = max(pixels.shape)
    ratio = min(1.0, LONGEST / longer) if longer > SHORTEST else SHORTEST / longer
    height, width = (max(1, round(side * ratio)) for side in pixels.shape)
    film = Image.fromarray(pixels.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    return np.asarray(film).clip(0.0, 1.0)


def burned_in(
    film: Float[np.ndarray, "h w"],
    anomaly_map: Float[np.ndarray, "h w"],
    scale: MapScale,
    above: str,
    below: str,
) -> UInt8[np.ndarray, "more w 3"]:
    """The film with its map between two black bands that carry the words."""
    picture = overlay(film, anomaly_map, scale)
    bands = [_band(text, picture.shape[1]) for text in (above, below)]
    return np.concatenate([bands[0], picture, bands[1]])


def outlines(
    anomaly_map: Float[np.ndarray, "h w"], scale: MapScale, shape: tuple[int, int]
) -> list[Float[np.ndarray, "points 2"]]:
    """Closed lines around what the map's colour shows, the longest first, at most twenty.

    Args:
        shape: (height, width) of the film that they will lie over.

    Returns:
        (column, row) of each point, from 0 at the film's upper left corner to ``shape``.
    """
    padded = np.pad(anomaly_map, 1, constant_values=min(scale.low, anomaly_map.min()) - 1)
    found = [line for line in find_contours(padded, scale.low) if len(line) >= _LEAST_POINTS]
    size = np.array(anomaly_map.shape, float)
    lines = []
    for line in sorted(found, key=len, reverse=True)[:MOST_OUTLINES]:
        rows_cols = np.clip((line - 0.5) * np.array(shape) / size, 0, shape)  # centre of a pixel
        lines.append(rows_cols[:, ::-1])
    return lines


def placed(
    preprocessing: Preprocessing,
    anomaly_map: Float[np.ndarray, "height width"],
    shape: tuple[int, int],
    scale: MapScale,
) -> Float[np.ndarray, "h w"]:
    """The map over the whole film; what the model never saw has no colour."""
    return preprocessing.restore(anomaly_map, shape, min(scale.low, float(anomaly_map.min())))


def _band(text: str, width: int) -> UInt8[np.ndarray, "height width 3"]:
    """White words on black, as large as the width lets them be, on as many lines as they need."""
    size = max(12, min(28, width // 28))
    font = ImageFont.load_default(size)
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width - size:
            lines[-1] = longer
        else:
            lines.append(word)
    step = round(1.3 * size)
    band = Image.new("RGB", (width, step * len(lines) + size // 2))
    draw = ImageDraw.Draw(band)
    for number, line in enumerate(lines):
        draw.text((size // 2, size // 4 + number * step), line, fill="white", font=font)
    return np.asarray(band)
