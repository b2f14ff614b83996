"""Pictures that the kit itself wrote: they lie among films at times, and are none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from simsid.data.decode.quiet import quiet_decoders
from simsid.data.images import IMAGE_SUFFIXES
from simsid.outputs import png_says

KEY, MAP_WORDS, SHEET_WORDS = "Description", "anomaly map by simsid", "contact sheet by simsid"
MAP, ARRAY, SHEET = ".map.png", ".map.npy", "contact_sheet.png"
FIGURES = "figures"
CAPTURE, OUTLINES = ".capture.dcm", ".outlines.dcm"
KIT = "SimSID kit"
RESEARCH_ONLY = "RESEARCH ONLY"
_SMALLEST = 100  # bytes: a write that was killed may have left so few, which say nothing yet
_HEAD, _PREAMBLE = 1024, bytes(128) + b"DICM"
_START, _END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def without_own(files: Iterable[Path]) -> list[Path]:
    """The files that no earlier run wrote as a map, a DICOM result, a figure or a contact sheet."""
    own = (is_map, is_result, is_figure, is_sheet)
    return [path for path in files if not any(is_one(path) for is_one in own)]


def is_map(path: Path) -> bool:
    """Whether ``simsid.score --maps`` wrote this, by its name and what it says of itself.

    ``film.png.map.png`` is one by its name alone, as earlier versions wrote it.
    """
    if not path.name.endswith((MAP, ARRAY)):
        return False
    return Path(path.name[: -len(MAP)]).suffix.lower() in IMAGE_SUFFIXES or says_map(path)


def says_map(path: Path) -> bool:
    """Whether a map says so itself; an array is known by the picture beside it."""
    picture = path.with_suffix(".png")
    if not picture.is_file() or not path.is_file():
        return False
    if png_says(picture, KEY) == MAP_WORDS:
        return True
    if picture.stat().st_size >= _SMALLEST:
        return False
    begun = picture.read_bytes()
    return begun[: len(_START)] == _START[: len(begun)] and not begun.endswith(_END)


def is_figure(path: Path) -> bool:
    """Whether a report drew this, by its folder and what it says of itself."""
    return path.parent.name == FIGURES and says_figure(path)


def says_figure(path: Path) -> bool:
    """Whether a PNG tells which data and which commit it was drawn from."""
    said = png_says(path, KEY)
    return "data " in said and "commit " in said


def is_sheet(path: Path) -> bool:
    """Whether ``simsid.data check`` drew this."""
    return path.name == SHEET and png_says(path, KEY) == SHEET_WORDS


def is_result(path: Path) -> bool:
    """Whether the kit wrote this DICOM file, by its name and what it says of itself."""
    if not path.name.endswith((CAPTURE, OUTLINES)) or not path.is_file():
        return False
    import pydicom

    try:
        with quiet_decoders():
            head = pydicom.dcmread(
                path, stop_before_pixels=True, specific_tags=["Manufacturer", "SeriesDescription"]
            )
            ours = str(head.get("SeriesDescription", "")).startswith(RESEARCH_ONLY)
            if ours and head.get("Manufacturer") == KIT:
                return True
    except Exception:  # a stranger's file, and no DICOM; or one that a kill cut short
        pass
    with open(path, "rb") as file:
        begun = file.read(_HEAD)
    return KIT.encode() in begun or (len(begun) < _HEAD and _PREAMBLE.startswith(begun[:132]))
