"""Where the data set of a DICOM file starts and how it is written, also without preamble or meta.

Some archives and scanners leave out the 128 bytes before 'DICM', the mark itself, or the group
that names the transfer syntax. A file is taken for DICOM without its mark only where several
elements follow one another as no other file's bytes do.
"""

from __future__ import annotations

import zlib

from simsid.data.decode.dicom_header import (
    PIXEL_DATA,
    CutShortError,
    Encoding,
    read_element,
    skip_sequence,
    transfer_syntax,
)

DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = {  # transfer syntax: its encoding
    "1.2.840.10008.1.2": Encoding(implicit=True, little=True),
    "1.2.840.10008.1.2.1": Encoding(implicit=False, little=True),
    "1.2.840.10008.1.2.2": Encoding(implicit=False, little=False),
    DEFLATED: Encoding(implicit=False, little=True),
}
_MARK, _PREAMBLE = b"DICM", 128
_META_GROUP = 0x0002
_META, _META_ENCODING = b"\x02\x00", Encoding(implicit=False, little=True)
_FIRST_GROUPS = frozenset({0x0008, 0x0010, 0x0018, 0x0020, 0x0028})
_KINDS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN".split()
    + b"SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)
_CHAIN, _ENOUGH, _LAST_GROUP = 4, 12, 0x7FE0  # elements that must follow; that are looked at
_UNDEFINED, _HEAD = 0xFFFF_FFFF, 16_384


def looks_like_dicom(data: bytes) -> bool:
    """Whether a file is DICOM; its first 16 KiB are enough to tell."""
    if data[_PREAMBLE : _PREAMBLE + 4] == _MARK or data.startswith(_MARK):
        return True
    return _chain_at(data[:_HEAD], _start(data))


def find_data_set(data: bytes) -> tuple[str, int, bool]:
    """(transfer syntax, where the data set starts, whether the file itself named that syntax).

    The syntax is '' where it is neither named nor can be told.

    Raises:
        CutShortError: the file ends within its first group.
    """
    if data[_PREAMBLE : _PREAMBLE + 4] == _MARK:
        start = _PREAMBLE + 4
    else:
        start = len(_MARK) if data.startswith(_MARK) else _start(data)
    uid, start = transfer_syntax(data, start)
    if uid:
        return uid, start, True
    encoding = sniff_encoding(data, start)
    if encoding is not None:
        return next(uid for uid, known in NATIVE.items() if known == encoding), start, False
    return (DEFLATED if _inflates(data[start:]) else ""), start, False


def sniff_encoding(data: bytes, start: int = 0) -> Encoding | None:
    """How the elements from ``start`` on are written; None if they are no elements at all."""
    known = dict.fromkeys(NATIVE.values())
    return next((encoding for encoding in known if _reads_as(data, start, encoding)), None)


def _start(data: bytes) -> int:
    """Where elements would start in a file without the mark."""
    return _PREAMBLE if not any(data[:_PREAMBLE]) and len(data) > _PREAMBLE else 0


def _chain_at(data: bytes, start: int) -> bool:
    if data[start : start + 2] == _META:
        return _reads_as(data, start, _META_ENCODING, frozenset({_META_GROUP}))
    return sniff_encoding(data, start) is not None or _inflates(data[start:])


def _inflates(data: bytes) -> bool:
    """Whether the bytes are a deflated data set."""
    try:
        head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[:_HEAD], _HEAD)
    except zlib.error:
        return False
    return _reads_as(head, 0, NATIVE[DEFLATED])


def _reads_as(
    data: bytes, at: int, encoding: Encoding, first: frozenset[int] = _FIRST_GROUPS
) -> bool:
    """Whether elements in rising order follow one another in this encoding."""
    last = count = 0
    while count < _ENOUGH and at < len(data):
        try:
            tag, kind, length, start = read_element(data, at, encoding, len(data))
        except CutShortError:
            break
        group = tag >> 16
        if last >> 16 == _META_GROUP != group:
            break  # what follows the meta group is written in a way of its own
        if tag <= last or group > _LAST_GROUP or (count == 0 and group not in first):
            return False
        if not encoding.implicit and kind not in _KINDS:
            return False
        if length != _UNDEFINED and length % 2:
            return False
        last, count = tag, count + 1
        if tag == PIXEL_DATA:
            return count > 1
        if length == _UNDEFINED:
            try:
                start, _ = skip_sequence(data, start, encoding, len(data), kind == b"UN")
            except CutShortError:
                break
            length = 0
        at = start + length
    return count >= _CHAIN
