"""A contact sheet: every kind in a row, examples in columns, the truth outlined."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from synth.anatomy import DigitAnatomy, Sample
from synth.errors import SynthError

_PAPER, _TEXT, _FAINT = (250, 250, 248), (34, 36, 40), (120, 124, 130)
_OUTLINE = (255, 110, 40)
_ZOOM_TO = 192
_CAPTION = 34  # letters that fit below an image
_GAP, _LEFT, _TOP = 12, 150, 64
_WORDS = "contact sheet by synth"


def contact_sheet(anatomy: DigitAnatomy, columns: int = 6, split: str = "test") -> Image.Image:
    """Draw the first samples of every kind that the anatomy can show, with their masks' outlines.

    The outlines run around the abnormal pixels, not over them.

    Args:
        anatomy: what is shown.
        columns: samples of each kind.
        split: whose glyphs are shown.

    Returns:
        An RGB picture.
    """
    rows = [(kind, "", anatomy.samples(split, kind, range(columns))) for kind in anatomy.kinds]
    return _sheet(anatomy, rows, columns, f"{split} · truth outlined")


def set_sheet(anatomy: DigitAnatomy, records: Sequence[dict], columns: int = 6) -> Image.Image:
    """Draw the first images of every split and kind of a data set, and say how many there are.

    Args:
        anatomy: of the data set.
        records: of its samples, as its manifest holds them.
        columns: images of each kind, at most.

    Returns:
        An RGB picture.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for record in records:
        groups.setdefault((record["split"], record["kind"]), []).append(record["index"])
    rows = [
        (kind, f"{split}: {len(indices)}", anatomy.samples(split, kind, indices[:columns]))
        for (split, kind), indices in groups.items()
    ]
    return _sheet(anatomy, rows, columns, f"{len(records)} images · truth outlined")


def _sheet(
    anatomy: DigitAnatomy, rows: Sequence[tuple[str, str, list[Sample]]], columns: int, note: str
) -> Image.Image:
    """A line of images for each row: its name, a second line of words, and its samples."""
    zoom = max(1, _ZOOM_TO // max(anatomy.config.shape))
    height, width = (side * zoom for side in anatomy.config.shape)
    size = (
        _LEFT + columns * (width + _GAP) + _GAP,
        _TOP + len(rows) * (height + _GAP + 18) + _GAP,
    )
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    title, body, small = (ImageFont.load_default(points) for points in (22, 16, 11))
    config = anatomy.config
    pen.text((_GAP, 12), "DigitAnatomy", _TEXT, title)
    facts = f"digits {config.digits_name} · seed {config.seed}"
    facts += f" · difficulty {config.difficulty:g} · generator {config.generator}"
    if config.population is not None:
        facts += f" · population {config.population.name} at {config.strength:g}"
    facts += f" · {note}"
    pen.text((_GAP, 40), facts, _FAINT, small)
    for row, (name, words, samples) in enumerate(rows):
        top = _TOP + row * (height + _GAP + 18)
        pen.text((_GAP, top + height // 2 - 10), name, _TEXT, body)
        pen.text((_GAP, top + height // 2 + 12), words, _FAINT, small)
        for column, sample in enumerate(samples):
            left = _LEFT + column * (width + _GAP)
            sheet.paste(Image.fromarray(_outlined(sample, zoom)), (left, top))
            pen.text((left, top + height + 2), _caption(sample), _FAINT, small)
    return sheet


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet, which says what it is where its format can.

    Raises:
        OSError: the file cannot be written.
        ValueError: its ending names no format.
    """
    said = PngInfo()
    said.add_text("Description", _WORDS)
    try:
        sheet.save(path, pnginfo=said)  # other formats than PNG leave it out
    except OSError as error:  # a full disk names no file
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def check_replaceable(path: Path, overwrite: bool) -> None:
    """Refuse to write over a file that is no sheet, or cannot say so.

    Raises:
        SynthError: it is one.
    """
    if path.is_fifo():
        raise SynthError(f"{path}: is a pipe, which would be waited for; name another file")
    if overwrite or not path.is_file() or path.stat().st_size == 0:
        return
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            own = picture.info.get("Description") == _WORDS
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        own = False
    if not own:
        raise SynthError(
            f"{path}: exists and is no sheet of this command; name another file or add --overwrite"
        )


def _outlined(sample: Sample, zoom: int) -> np.ndarray:
    """The enlarged image in colour, with a line around its mask: (height, width, 3) uint8."""
    image, mask = (
        part.repeat(zoom, axis=0).repeat(zoom, axis=1) for part in (sample.image, sample.mask)
    )
    wide = np.pad(mask, 1)
    around = wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    colour = np.repeat(image[..., None], 3, axis=2)
    colour[around & ~mask] = _OUTLINE
    return colour


def _caption(sample: Sample) -> str:
    """What was done, in a few words: '4 gone, 6 gone'."""
    words = []
    for cell in sample.cells:
        if cell.action == "erased":
            share = cell.details["erased"]
            words.append(f"{cell.before} gone" if share == 1 else f"{cell.before} -{share:.0%}")
        elif cell.action == "flipped":
            how = "mirrored" if cell.details["axis"] == "horizontal" else "inverted"
            words.append(f"{cell.before} {how}")
        elif cell.action in ("replaced", "moved"):
            words.append(f"{cell.before} is {cell.after}")
        elif cell.action == "added":
            words.append(f"{cell.after} added")
        elif cell.action != "equalled":
            words.append(f"{cell.before} {cell.action}")
    text = ", ".join(words)
    return text if len(text) <= _CAPTION else text[: _CAPTION - 1] + "…"
