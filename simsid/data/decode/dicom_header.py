"""The few elements of a DICOM header that pixels need; all others are stepped over unread.

A walk of its own rather than pydicom's reader: it makes no object for what it skips, keeps no
text, does not recurse into nested sequences, and knows where a file is cut. PS3.5, section 7.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt16

TRANSFER_SYNTAX = 0x0002_0010
BURNED_IN_ANNOTATION = 0x0028_0301
PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE0_0010, 0x7FE0_0008, 0x7FE0_0009
SAMPLES, PHOTOMETRIC, PLANAR = 0x0028_0002, 0x0028_0004, 0x0028_0006
FRAMES, ROWS, COLUMNS = 0x0028_0008, 0x0028_0010, 0x0028_0011
ALLOCATED, STORED, HIGH_BIT, SIGNED = 0x0028_0100, 0x0028_0101, 0x0028_0102, 0x0028_0103
WINDOW_CENTRE, WINDOW_WIDTH, WINDOW_FUNCTION = 0x0028_1050, 0x0028_1051, 0x0028_1056
INTERCEPT, SLOPE = 0x0028_1052, 0x0028_1053
MODALITY_TABLE, VOI_TABLE = 0x0028_3000, 0x0028_3010
PADDING, PADDING_LIMIT = 0x0028_0120, 0x0028_0121
PRESENTATION_SHAPE = 0x2050_0020
TABLE_DESCRIPTOR, TABLE_DATA = 0x0028_3002, 0x0028_3006
_WANTED = frozenset(
    {BURNED_IN_ANNOTATION, PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS, SAMPLES, PHOTOMETRIC, PLANAR}
    | {FRAMES, ROWS, COLUMNS, ALLOCATED, STORED, HIGH_BIT, SIGNED}
    | {WINDOW_CENTRE, WINDOW_WIDTH, WINDOW_FUNCTION, INTERCEPT, SLOPE, MODALITY_TABLE, VOI_TABLE}
    | {PADDING, PADDING_LIMIT, PRESENTATION_SHAPE}
)
_WANTED_IN_TABLE = frozenset({TABLE_DESCRIPTOR, TABLE_DATA})
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFE_E000, 0xFFFE_E00D, 0xFFFE_E0DD
_UNDEFINED = 0xFFFF_FFFF
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV"}) | frozenset(
    {b"UC", b"UN", b"UR", b"UT", b"UV"}
)  # value representations with a length of four bytes
_MAX_ELEMENTS, _MAX_DEPTH = 100_000, 64  # a film's header has hundreds, and nests a few deep


class CutShortError(Exception):
    """The data end within an element, or nest or number beyond any film's."""


@dataclass(frozen=True)
class Encoding:
    """How elements are written."""

    implicit: bool
    little: bool

    @property
    def order(self) -> str:
        return "<" if self.little else ">"


@dataclass(frozen=True)
class Header:
    """Where the wanted elements lie: tag to (start, end) of the value in ``data``.

    ``undefined`` holds the tags whose length is not given, such as compressed pixels. ``short``:
    the pixels end before the length that their element states.
    """

    data: bytes
    encoding: Encoding
    found: dict[int, tuple[int, int]]
    undefined: frozenset[int]
    short: bool = False

    def value(self, tag: int) -> bytes:
        start, end = self.found.get(tag, (0, 0))
        return self.data[start:end]

    def is_words(self, tag: int) -> bool:
        """Whether the header says that the value is words of 16 bits, VR OW; not if implicit."""
        start, _ = self.found[tag]
        return not self.encoding.implicit and self.data[start - 8 : start - 6] == b"OW"

    def whole(self, tag: int, default: int = 0) -> int:
        """A number of VR US."""
        value = self.value(tag)
        return struct.unpack(self.encoding.order + "H", value[:2])[0] if len(value) > 1 else default

    def number(self, tag: int) -> float | None:
        """The first number of VR DS or IS; None if it is absent or makes no sense."""
        try:
            number = float(self.value(tag).split(b"\\")[0].strip(b" \0"))
        except ValueError:
            return None
        return number if np.isfinite(number) else None

    def word(self, tag: int) -> str:
        """The first word of VR CS, in capitals."""
        return self.value(tag).split(b"\\")[0].strip(b" \0").decode("ascii", "replace").upper()

    def table(self, tag: int) -> tuple[tuple[int, int, int], UInt16[np.ndarray, " entries"]] | None:
        """(entries, first, bits) and the values of a look-up table; None if it makes no sense."""
        if tag not in self.found:
            return None
        start, end = self.found[tag]
        order = self.encoding.order
        try:
            item, _, length, start = read_element(self.data, start, self.encoding, end)
            if item != _ITEM:
                return None
            end = end if length == _UNDEFINED else start + length
            inner = _walk(self.data, start, end, self.encoding, _WANTED_IN_TABLE)
            entries, first, bits = struct.unpack(order + "HHH", inner.value(TABLE_DESCRIPTOR)[:6])
        except (CutShortError, struct.error):
            return None
        entries = entries or 65_536
        stored = inner.value(TABLE_DATA)
        width = "u1" if len(stored) < 2 * entries else order + "u2"
        if len(stored) < entries or not 8 <= bits <= 16:
            return None
        return (entries, first, bits), np.frombuffer(stored, width, entries).astype(np.uint16)


def transfer_syntax(data: bytes, position: int) -> tuple[str, int]:
    """The transfer syntax UID of a file, '' if it names none, and where its data set starts.

    Args:
        position: where the first group starts, if there is one.

    Raises:
        CutShortError: the file ends within its first group.
    """
    uid, plain = "", Encoding(implicit=False, little=True)
    while data[position : position + 2] == b"\x02\x00":
        tag, _, length, start = read_element(data, position, plain, len(data))
        position = start + length
        if position > len(data):
            raise CutShortError
        if tag == TRANSFER_SYNTAX:
            uid = data[start:position].strip(b" \0").decode("ascii", "replace")
    return uid, position


def read_header(data: bytes, start: int, encoding: Encoding) -> Header:
    """The wanted elements from ``start`` up to and including the pixels.

    Raises:
        CutShortError: the data end before an element does; never for the pixels themselves.
    """
    return _walk(data, start, len(data), encoding, _WANTED)


def find_value(data: bytes, start: int, encoding: Encoding, wanted: int) -> bytes:
    """The value of one element before the pixels; empty where there is none.

    Raises:
        CutShortError: the data end before it is found, and before the pixels.
    """
    at = start
    for _ in range(_MAX_ELEMENTS):
        tag, kind, length, begin = read_element(data, at, encoding, len(data))
        if tag == PIXEL_DATA:
            return b""
        if length == _UNDEFINED:
            at, _ = skip_sequence(data, begin, encoding, len(data), kind == b"UN")
            continue
        at = begin + length
        if at > len(data):
            raise CutShortError
        if tag == wanted:
            return data[begin:at]
    raise CutShortError


def _walk(data: bytes, position: int, end: int, encoding: Encoding, wanted: frozenset) -> Header:
    found: dict[int, tuple[int, int]] = {}
    undefined, steps, short = set(), 0, False
    while position + 8 <= end:
        tag, kind, length, start = read_element(data, position, encoding, end)
        if tag in (_ITEM_END, _SEQUENCE_END):
            break
        if tag == PIXEL_DATA:
            short = length != _UNDEFINED and start + length > end
            stop = end if length == _UNDEFINED else min(end, start + length)
        elif length == _UNDEFINED:
            stop, more = skip_sequence(data, start, encoding, end, kind == b"UN")
            steps += more
        else:
            stop = start + length
        steps += 1
        if stop > end or steps > _MAX_ELEMENTS:
            raise CutShortError
        if tag in wanted:
            found[tag] = (start, stop)
            if length == _UNDEFINED:
                undefined.add(tag)
        if tag == PIXEL_DATA:
            break
        position = stop
    return Header(data, encoding, found, frozenset(undefined), short)


def read_element(data: bytes, at: int, encoding: Encoding, end: int) -> tuple[int, bytes, int, int]:
    """(tag, value representation, length, start of the value) of the element at a position."""
    if at + 8 > end:
        raise CutShortError
    group, element = struct.unpack_from(encoding.order + "HH", data, at)
    tag, kind = group << 16 | element, data[at + 4 : at + 6]
    explicit = not encoding.implicit and group != 0xFFFE and kind.isalpha() and kind.isupper()
    if not explicit:  # also where a writer forgot the VR, as some do inside sequences
        return tag, b"", struct.unpack_from(encoding.order + "I", data, at + 4)[0], at + 8
    if kind not in _LONG:
        return tag, kind, struct.unpack_from(encoding.order + "H", data, at + 6)[0], at + 8
    if at + 12 > end:
        raise CutShortError
    return tag, kind, struct.unpack_from(encoding.order + "I", data, at + 8)[0], at + 12


def skip_sequence(
    data: bytes, position: int, encoding: Encoding, end: int, unknown: bool
) -> tuple[int, int]:
    """The end of a sequence of undefined length, and how many elements are in it."""
    implicit, steps = Encoding(implicit=True, little=True), 0
    open_parts = [implicit if unknown else encoding]  # UN of undefined length is written implicitly
    while open_parts:
        steps += 1
        if len(open_parts) > _MAX_DEPTH or steps > _MAX_ELEMENTS:
            raise CutShortError
        tag, kind, length, position = read_element(data, position, open_parts[-1], end)
        if tag in (_ITEM_END, _SEQUENCE_END):
            open_parts.pop()
        elif length == _UNDEFINED:
            open_parts.append(implicit if kind == b"UN" else open_parts[-1])
        else:
            position += length
    return position, steps
