"""PNG below Pillow: its chunks, and the second byte of 16-bit colour."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt16
from PIL import Image

from simsid.data.decode.decoded import damaged

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", b"acTL")
_EXIF_LIMIT = 65_536
_RGB, _GREY_ALPHA, _RGBA = 2, 4, 6  # colour types
_CHANNELS = {_RGB: 3, _GREY_ALPHA: 2, _RGBA: 4}
_PASSES = (  # Adam7: left, top, step across, step down
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_PIECE = 2**20
_IDAT_SUM = zlib.crc32(b"IDAT")  # checksums start with the kind of chunk


@dataclass(frozen=True)
class PngFile:
    """What the header says, and the file without texts, profiles and other extras.

    Attributes:
        data: the file with only the chunks that its pixels need, so that no compressed text or
            profile is ever inflated.
        colour: PNG's colour type.
        depth: bits of a stored sample.
        significant: bits before they were stored, by chunk sBIT, or None.
    """

    data: bytes
    width: int
    height: int
    colour: int
    depth: int
    interlaced: bool
    significant: int | None

    @property
    def is_deep_colour(self) -> bool:
        """16 bits in several channels, of which Pillow keeps 8."""
        return self.depth == 16 and self.colour in (_RGB, _GREY_ALPHA, _RGBA)


def read_chunks(data: bytes, name: str) -> PngFile:
    """Walk through the chunks of a PNG file.

    Raises:
        ImageError: ``code`` truncated, when a chunk runs over the end or the last one is missing.
    """
    kept, position, significant, kind = [PNG_SIGNATURE], len(PNG_SIGNATURE), None, b""
    header: tuple[int, ...] | None = None
    while kind != b"IEND":
        if position + 12 > len(data):
            raise damaged(name)
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data) or (header is None) != (kind == b"IHDR"):
            raise damaged(name)
        if kind == b"IHDR":
            header = struct.unpack_from(">IIBBxxB", data, position + 8) if length == 13 else None
            if header is None:
                raise damaged(name)
        elif kind == b"sBIT" and length:
            significant = max(data[position + 8 : end - 4][:3])
        if kind in _KEPT and not (kind == b"eXIf" and length > _EXIF_LIMIT):
            kept.append(data[position:end])
        position = end
    width, height, depth, colour, interlaced = header
    return PngFile(b"".join(kept), width, height, colour, depth, interlaced == 1, significant)


def check_complete(file: PngFile, name: str, last_line: np.ndarray | None = None) -> None:
    """Refuse data that end before the last line, which Pillow would leave black, or are damaged.

    Args:
        last_line: as Pillow decoded it. Lines come one after the other: one that is not all black
            was reached, so that nothing is inflated a second time.

    Raises:
        ImageError: ``code`` truncated.
    """
    inflator, missing, position = zlib.decompressobj(), _raw_length(file), len(PNG_SIGNATURE)
    reached = last_line is not None and bool(last_line.any()) and not file.interlaced
    while missing > 0 and position < len(file.data):
        length, kind = struct.unpack_from(">I4s", file.data, position)
        end = position + 8 + length
        part = file.data[position + 8 : end] if kind == b"IDAT" else b""
        if part and file.data[end : end + 4] != struct.pack(">I", zlib.crc32(part, _IDAT_SUM)):
            raise damaged(name)
        while part and missing > 0 and not reached:
            missing -= len(inflator.decompress(part, _PIECE))
            part = inflator.unconsumed_tail
        position = end + 4
    if missing > 0 and not reached:
        raise damaged(name)


def _raw_length(file: PngFile) -> int:
    """Bytes of all lines, each with its filter; in seven passes if interlaced."""
    total = 0
    for left, top, across, down in _PASSES if file.interlaced else ((0, 0, 1, 1),):
        columns, lines = -(-(file.width - left) // across), -(-(file.height - top) // down)
        if columns > 0 and lines > 0:
            total += lines * (1 + (columns * file.depth * _CHANNELS.get(file.colour, 1) + 7) // 8)
    return total


def decode_deep_colour(file: PngFile) -> UInt16[np.ndarray, "height width channels"]:
    """16-bit grey+alpha, RGB or RGBA at full depth.

    Pillow unpacks such samples to 8 bits. Its byte orders are asked for one after the other, which
    gives the upper and the lower bytes; grey+alpha has the scan lines of an 8-bit RGBA image.
    """
    if file.colour == _GREY_ALPHA:
        with Image.open(io.BytesIO(_as_eight_bit_rgba(file.data)), formats=("PNG",)) as image:
            image.load()
            bytes_ = np.asarray(image).astype(np.uint16)
        return (bytes_[..., ::2] << 8) | bytes_[..., 1::2]
    mode = "RGB" if file.colour == _RGB else "RGBA"
    upper = _unpack(file.data, f"{mode};16B").astype(np.uint16)
    upper <<= 8
    upper |= _unpack(file.data, f"{mode};16L")
    return upper


def _unpack(data: bytes, rawmode: str) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.tile = [tile._replace(args=rawmode) for tile in image.tile]
        image.load()
        return np.asarray(image)


def _as_eight_bit_rgba(data: bytes) -> bytes:
    start = len(PNG_SIGNATURE) + 4
    chunk = bytearray(data[start : start + 17])
    chunk[12:14] = bytes((8, _RGBA))
    checksum = struct.pack(">I", zlib.crc32(chunk))
    return data[:start] + bytes(chunk) + checksum + data[start + 21 :]
