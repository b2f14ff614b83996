"""The image pixel module of a DICOM header, checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from simsid.data.decode import dicom_header as tags
from simsid.data.decode.decoded import check_size
from simsid.data.decode.dicom_header import Header
from simsid.errors import ImageError

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


@dataclass(frozen=True)
class Layout:
    """Shape and depth of the one frame.

    ``words``: written as words of 16 bits, whose bytes change places in big endian even where a
    pixel has 8 bits.
    """

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    signed: bool
    photometric: str
    planar: int
    words: bool

    @property
    def length(self) -> int:
        """Bytes of the frame when it is not compressed."""
        return self.rows * self.columns * self.samples * (self.allocated // 8)


def read_layout(header: Header, name: str, max_pixels: int) -> Layout:
    """The shape of the pixels.

    Raises:
        ImageError: with ``code`` no_pixel_data, multi_frame, unsupported, too_small, too_large or
            aspect_ratio.
    """
    if tags.FLOAT_PIXELS in header.found or tags.DOUBLE_PIXELS in header.found:
        raise ImageError(
            "unsupported", f"{name} has floating-point pixels; a film has whole numbers"
        )
    start, end = header.found.get(tags.PIXEL_DATA, (0, 0))
    if start == end or tags.ROWS not in header.found or tags.COLUMNS not in header.found:
        raise ImageError("no_pixel_data", f"{name} is a DICOM file without an image")
    frames = header.number(tags.FRAMES)
    if frames is not None and frames > 1:
        raise ImageError("multi_frame", f"{name} has several frames; give a single film")
    layout = Layout(
        rows=header.whole(tags.ROWS),
        columns=header.whole(tags.COLUMNS),
        samples=header.whole(tags.SAMPLES, 1),
        allocated=header.whole(tags.ALLOCATED),
        stored=header.whole(tags.STORED),
        signed=header.whole(tags.SIGNED) == 1,
        photometric=header.word(tags.PHOTOMETRIC),
        planar=header.whole(tags.PLANAR),
        words=header.is_words(tags.PIXEL_DATA),
    )
    check_size(layout.rows, layout.columns, name, max_pixels)
    if layout.allocated not in (8, 16) or not 1 < layout.stored <= layout.allocated:
        raise ImageError("unsupported", f"{name} must have 8 or 16 bits a pixel")
    if header.whole(tags.HIGH_BIT, layout.stored - 1) != layout.stored - 1:
        raise ImageError("unsupported", f"{name} does not keep its pixels in the lowest bits")
    known = _GREY if layout.samples == 1 else _COLOUR if layout.samples == 3 else ()
    if layout.photometric not in known or (layout.samples == 3 and layout.signed):
        raise ImageError("unsupported", f"{name} is neither a grey nor an RGB film")
    return layout
