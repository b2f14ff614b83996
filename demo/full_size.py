"""A film at its full size with its map, for the viewer: decoded, sent, and forgotten."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image

from demo.pictures import data_url, map_layer, png_bytes
from simsid.data.preprocess import Preprocessing
from simsid.map_scale import MapScale

_PNG_PIXELS = 1_500_000  # larger films travel as JPEG
_QUALITY = 93


def full_figure(
    pixels: np.ndarray, anomaly_map: np.ndarray, scale: MapScale, settings: Preprocessing
) -> str:
    """What ``viewer.js`` opens: both pictures, and where the map lies on the film.

    Args:
        pixels: (height, width), float in [0, 1] or uint8.
        anomaly_map: as it is drawn, at the model's size.
    """
    film, kind = _encoded(pixels)
    layer = data_url(png_bytes(map_layer(anomaly_map, scale)))
    place = json.dumps(map_place(settings, (pixels.shape[0], pixels.shape[1])))
    return (
        f'<div class="full-picture" hidden data-place="{place}"><img class="full-film" alt="" '
        f'src="{data_url(film, kind)}"><img class="full-map" alt="" src="{layer}"></div>'
    )


def map_place(settings: Preprocessing, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """(left, top, width, height) of the model's view on the film, in shares of the film's width.

    The inverse of ``Preprocessing``: stretched over the whole film, or at the film's own ratio with
    margins (letterbox) or cut sides (crop).
    """
    (rows, cols), (height, width) = shape, settings.image_size
    if settings.fit == "squash":
        return 0.0, 0.0, 1.0, rows / cols
    pick = min if settings.fit == "letterbox" else max
    ratio = pick(height / rows, width / cols)
    wide, high = width / ratio, height / ratio
    return (cols - wide) / 2 / cols, (rows - high) / 2 / cols, wide / cols, high / cols


def _encoded(pixels: np.ndarray) -> tuple[bytes, str]:
    grey = pixels
    if grey.dtype != np.uint8:
        grey = np.round(np.clip(grey, 0, 1) * 255).astype(np.uint8)
    if grey.size <= _PNG_PIXELS:
        return png_bytes(grey), "image/png"
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue(), "image/jpeg"
