"""A contact sheet: a row of films of each part, normal and abnormal, with boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from simsid.data.film import Film
from simsid.data.films import PARTS
from simsid.data.images import read_image
from simsid.data.own_files import KEY, SHEET_WORDS
from simsid.data.preprocess import Preprocessing

TILE, PER_ROW = 112, 10
_GAP, _TITLE = 4, 16
_BOX = (255, 170, 0)


def draw_sheet(films: Sequence[Film], path: Path) -> None:
    """Write a PNG with up to ten films a row, evenly taken over each part; letterboxed.

    Raises:
        ImageError: an unreadable film.
        OSError: the file cannot be written.
    """
    rows = [
        (f"{part}, {'abnormal' if label else 'normal'}", chosen)
        for part in PARTS
        for label in (0, 1)
        if (chosen := [film for film in films if film.part == part and film.label == label])
    ]
    high = TILE + _TITLE + _GAP
    sheet = Image.new("RGB", (PER_ROW * (TILE + _GAP) + _GAP, high * len(rows) + _GAP))
    draw = ImageDraw.Draw(sheet)
    for row, (title, chosen) in enumerate(rows):
        top = row * high + _GAP
        draw.text((_GAP, top), f"{title}: {len(chosen)} films", fill="white")
        for column, film in enumerate(_spread(chosen)):
            sheet.paste(_tile(film), (_GAP + column * (TILE + _GAP), top + _TITLE))
    said = PngInfo()
    said.add_text(KEY, SHEET_WORDS)
    sheet.save(path, pnginfo=said)


def _spread(films: list[Film]) -> list[Film]:
    films = sorted(films, key=lambda film: film.path)
    places = np.linspace(0, len(films) - 1, min(PER_ROW, len(films))).round().astype(int)
    return [films[place] for place in places]


def _tile(film: Film) -> Image.Image:
    fit = Preprocessing((TILE, TILE), fit="letterbox")
    image = read_image(film.path)
    pixels = np.round(fit.apply(image) * 255).astype(np.uint8)
    tile = Image.fromarray(pixels).convert("RGB")
    draw = ImageDraw.Draw(tile)
    for box in fit.apply_boxes(film.boxes, image.shape):
        draw.rectangle([float(side) for side in box], outline=_BOX)
    draw.text((2, TILE - 12), film.kind[:17], fill="white", stroke_width=1, stroke_fill="black")
    return tile
