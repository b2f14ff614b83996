"""Whether a file is an image by its first bytes, whatever it is called."""

from __future__ import annotations

import struct
from pathlib import Path

from simsid.data.decode.dicom_sniff import looks_like_dicom

_PICTURES = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"\x93NUMPY",
    b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+",
)  # fmt: skip
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_HEAD = 16_384  # enough to tell DICOM without its mark


def is_image_by_content(path: Path) -> bool:
    """Whether a file that can be read begins as DICOM, NumPy or a picture that the kit decodes."""
    try:
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return is_image_start(file.read(_HEAD))
    except OSError:
        return False


def is_image_start(data: bytes) -> bool:
    """The same for the first 16 KiB of a file."""
    if data.startswith(_PICTURES):
        return True
    if data.startswith(b"RIFF"):
        return data[8:12] == b"WEBP"
    if data.startswith(b"BM") and len(data) >= 18:  # two letters alone begin many a text
        return struct.unpack("<I", data[14:18])[0] in _BMP_HEADERS and not any(data[6:10])
    return looks_like_dicom(data)
