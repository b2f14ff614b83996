"""What a compressed frame says of itself, read before a codec makes room for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_JPEG_START, _J2K_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
_JP2_BOX, _JP2_CONTENT = b"\0\0\0\x0cjP  ", b"jp2c"
_J2K_TILES, _RLE_HEADER = 65_535, 64
_NO_SIZE = frozenset({0xC4, 0xC8, 0xCC})  # tables among the markers that look like frame headers

_SYNTAX_BY_MARKER = {
    0xC0: "1.2.840.10008.1.2.4.50",
    0xC1: "1.2.840.10008.1.2.4.51",
    0xC3: "1.2.840.10008.1.2.4.70",
    0xF7: "1.2.840.10008.1.2.4.80",
}


@dataclass(frozen=True)
class FrameSize:
    """Size and depth by the frame's own header."""

    height: int
    width: int
    samples: int
    bits: int
    signed: bool = False


def bare_codestream(frame: bytes) -> bytes:
    """A JPEG 2000 frame without the file wrapper that some writers leave around it."""
    if frame.startswith(_JP2_BOX) and _JP2_CONTENT in frame:
        return frame[frame.index(_JP2_CONTENT) + len(_JP2_CONTENT) :]
    return frame


def frame_size(frame: bytes) -> FrameSize | None:
    """Size of a JPEG, JPEG Lossless, JPEG-LS or JPEG 2000 frame; None if it cannot be told.

    Sources: ISO 10918-1 B.2, ISO 14495-1 C.2, ISO 15444-1 A.5.1.
    """
    try:
        if frame.startswith(_J2K_START):
            return _j2k_size(frame)
        if frame.startswith(_JPEG_START):
            return _jpeg_size(frame)
    except (struct.error, IndexError, ZeroDivisionError):
        return None
    return None


def guess_syntax(frame: bytes) -> str | None:
    """The transfer syntax of a frame whose file names none; None if it cannot be told."""
    if frame.startswith(_J2K_START):
        return "1.2.840.10008.1.2.4.90"
    if frame.startswith(_JPEG_START):
        try:
            position = _jpeg_frame_header(frame)
        except (struct.error, IndexError):
            return None
        return None if position is None else _SYNTAX_BY_MARKER.get(frame[position + 1])
    if len(frame) > _RLE_HEADER:
        segments, first = struct.unpack_from("<II", frame)
        if 0 < segments < 16 and first == _RLE_HEADER:
            return "1.2.840.10008.1.2.5"
    return None


def has_end(frame: bytes) -> bool:
    """Whether a JPEG, JPEG-LS or JPEG 2000 frame ends with the marker that such frames end with."""
    return b"\xff\xd9" in frame.rstrip(b"\0")[-4:]


def rle_stays_within(frame: bytes, most: int) -> bool:
    """Whether the segments of an RLE frame stay within ``most`` bytes when decoded (PS3.5, G.3)."""
    data, position, total = memoryview(frame), _RLE_HEADER, 0
    while position < len(data) and total <= most:
        count = data[position]
        if count < 128:
            total, position = total + count + 1, position + count + 2
        else:
            total, position = total + (257 - count if count > 128 else 0), position + 1
            position += count > 128
    return total <= most


def _j2k_size(frame: bytes) -> FrameSize | None:
    right, bottom, left, top, tile_width, tile_height, _, _, samples = struct.unpack_from(
        ">8IH", frame, 8
    )
    width, height = right - left, bottom - top
    tiles = -(-right // tile_width) * -(-bottom // tile_height)
    if tiles > _J2K_TILES or width < 1 or height < 1 or left or top:
        return None
    for sample in range(min(samples, 4)):
        if frame[43 + 3 * sample : 45 + 3 * sample] != b"\x01\x01":
            return None  # subsampled, or blown up by a ratio
    return FrameSize(height, width, samples, (frame[42] & 0x7F) + 1, frame[42] > 0x7F)


def _jpeg_size(frame: bytes) -> FrameSize | None:
    position = _jpeg_frame_header(frame)
    if position is None:
        return None
    bits, height, width, samples = struct.unpack_from(">BHHB", frame, position + 4)
    return FrameSize(height, width, samples, bits)


def _jpeg_frame_header(frame: bytes) -> int | None:
    """Where the marker lies after which a JPEG states its size."""
    position = 2
    while True:
        while frame[position] == 0xFF and frame[position + 1] == 0xFF:
            position += 1  # fill bytes
        marker = frame[position + 1]
        if frame[position] != 0xFF or marker == 0xDA:
            return None
        if (0xC0 <= marker <= 0xCF and marker not in _NO_SIZE) or marker == 0xF7:
            return position
        position += 2 + struct.unpack_from(">H", frame, position + 2)[0]
