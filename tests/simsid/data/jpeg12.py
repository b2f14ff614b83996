"""JPEG of 12 bits, which no free library writes as scanners do: ITU T.81, extended sequential."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from scipy.fft import dctn

# Codes of one length for the size of each DC difference, of two lengths for (zeros before, size).
_DC, _AC = (bytes([0] * 4 + [16] + [0] * 11), bytes([0] * 7 + [128, 128] + [0] * 7))
_ORDER = sorted(np.ndindex(8, 8), key=lambda at: (sum(at), at[1 - sum(at) % 2]))  # zigzag


def jpeg12(values: np.ndarray) -> bytes:
    """One grey frame of 12 bits, without quantisation; sides in multiples of 8."""
    height, width = values.shape
    parts = [
        _segment(0xDB, b"\0" + b"\1" * 64),
        _segment(0xC1, struct.pack(">BHHBBBB", 12, height, width, 1, 1, 0x11, 0)),
        _segment(0xC4, b"\x00" + _DC + bytes(range(16))),
        _segment(0xC4, b"\x10" + _AC + bytes(range(256))),
        _segment(0xDA, b"\1\1\0\0\x3f\0"),
    ]
    bits = "".join(_code(values.astype(float) - 2048))
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return b"\xff\xd8" + b"".join(parts) + packed.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _code(levels: np.ndarray) -> Iterator[str]:
    before = 0
    for top, left in np.ndindex(levels.shape[0] // 8, levels.shape[1] // 8):
        block = levels[8 * top : 8 * top + 8, 8 * left : 8 * left + 8]
        waves = np.round(dctn(block, norm="ortho")).astype(int)
        mean, *rest = (int(waves[at]) for at in _ORDER)
        yield f"{(mean - before).bit_length():05b}" + _magnitude(mean - before)
        before, zeros = mean, 0
        last = max((index for index, wave in enumerate(rest) if wave), default=-1)
        for wave in rest[: last + 1]:
            if wave == 0:
                zeros += 1
                continue
            while zeros > 15:
                yield _symbol(0xF0)
                zeros -= 16
            yield _symbol(zeros << 4 | abs(wave).bit_length()) + _magnitude(wave)
            zeros = 0
        if last < 62:
            yield _symbol(0)


def _symbol(value: int) -> str:
    return f"{value:08b}" if value < 128 else f"{256 + value - 128:09b}"


def _magnitude(wave: int) -> str:
    size = abs(wave).bit_length()
    return f"{wave if wave > 0 else wave + (1 << size) - 1:0{size}b}" if size else ""
