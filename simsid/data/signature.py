"""Whether a file is an image by its first bytes, whatever it is called."""

from __future__ import annotations

import struct
from pathlib import Path

_PICTURES = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"\x93NUMPY",
    b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+",
)  # fmt: skip
_DICOM_MARK, _DICOM_MARK_AT = b"DICM", 128
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_FIRST_GROUPS = (0x0002, 0x0008)  # of DICOM without a preamble
_TEXT_VRS = frozenset({b"UI", b"CS", b"DA", b"TM", b"UL", b"OB", b"SH", b"LO"})
_LONGEST_FIRST = 256


def is_image_by_content(path: Path) -> bool:
    """Whether a file that can be read begins as DICOM, NumPy or a picture that the kit decodes."""
    try:
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return is_image_start(file.read(_DICOM_MARK_AT + len(_DICOM_MARK)))
    except OSError:
        return False


def is_image_start(data: bytes) -> bool:
    """The same for the first 132 bytes of a file."""
    if data[_DICOM_MARK_AT:].startswith(_DICOM_MARK) or data.startswith(_PICTURES):
        return True
    if data.startswith(b"RIFF"):
        return data[8:12] == b"WEBP"
    if data.startswith(b"BM") and len(data) >= 18:  # two letters alone begin many a text
        return struct.unpack("<I", data[14:18])[0] in _BMP_HEADERS and not any(data[6:10])
    return _is_bare_dicom(data)


def _is_bare_dicom(data: bytes) -> bool:
    """A data set without preamble: a first element of group 2 or 8, of a sensible length."""
    if len(data) < 16:
        return False
    group, element = struct.unpack("<HH", data[:4])
    if group not in _FIRST_GROUPS or element > 0x0100:
        return False
    if data[4:6] in _TEXT_VRS:
        return True
    return 0 < struct.unpack("<I", data[4:8])[0] <= _LONGEST_FIRST
