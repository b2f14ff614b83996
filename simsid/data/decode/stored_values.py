"""From what a codec gives to the stored values of a film: depth, sign, padding. PS3.5, section 8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Shaped

from simsid.data.decode import dicom_header as tags
from simsid.data.decode.codestream import FrameSize
from simsid.data.decode.dicom_header import Header
from simsid.data.decode.dicom_layout import Layout
from simsid.data.decode.notes import DEPTH_RECONCILED, HIGH_BITS_IGNORED, VALUES_CLIPPED
from simsid.errors import ImageError

_SPILL = 16  # values may exceed the stated depth by one part in so many and are clipped
_TORN = 2  # between an overlay's jump, 3 times what noise below it can differ, and noise itself, 1


@dataclass(frozen=True)
class StoredValues:
    """Values as the header means them.

    Attributes:
        values: (height, width) or (height, width, 3), within ``bits``, negative if signed.
        bits: depth of the values: that of the header, or of the code stream where it is less.
        padded: pixels that are no part of the film, or None.
        notes: codes of ``simsid.data.decode.notes``.
    """

    values: Int32[np.ndarray, ...]
    bits: int
    padded: Bool[np.ndarray, "height width"] | None
    notes: tuple[str, ...]


def settle(
    raw: Shaped[np.ndarray, ...],
    header: Header,
    layout: Layout,
    stream: FrameSize | None,
    name: str,
) -> StoredValues:
    """Reconcile what was decoded with what the header says of it.

    Bits above BitsStored are ignored, as the standard has it, unless they plainly belong to the
    film: then the header is wrong, and there is no telling what else is.

    Args:
        raw: whole numbers without a sign, all bits that the codec or the cell has.
        stream: what the code stream says of itself; None for native pixels and RLE.

    Raises:
        ImageError: ``code`` inconsistent: header and code stream cannot both be right.
    """
    precision = layout.allocated if stream is None else stream.bits
    bits = min(layout.stored, precision)
    codes = raw.astype(np.int32) & (2**precision - 1)
    values = _signed(codes & (2**bits - 1), bits) if layout.signed else codes & (2**bits - 1)
    padded = _find_padding(codes, values, header, layout, bits)
    if precision < layout.stored:
        negative = layout.signed and bool((values < 0).any())
        if negative and stream is not None and not stream.signed:
            raise _contradiction(name, layout, precision)
        return StoredValues(values, bits, padded, (DEPTH_RECONCILED,))
    whole = _signed(codes, precision) if layout.signed else codes
    above = (codes >> bits != 0) & (whole != values)
    if padded is not None:
        above &= ~padded
    if not above.any():
        return StoredValues(values, bits, padded, ())
    if not _belong_to_film(whole, values, whole >> bits, padded):
        return StoredValues(values, bits, padded, (HIGH_BITS_IGNORED,))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if layout.signed else (0, 2**bits - 1)
    beyond = whole[above]
    if max(int(beyond.max()) - high, low - int(beyond.min())) > 2**bits // _SPILL:
        raise _contradiction(name, layout, precision)
    return StoredValues(whole.clip(low, high), bits, padded, (VALUES_CLIPPED,))


def _contradiction(name: str, layout: Layout, precision: int) -> ImageError:
    return ImageError(
        "inconsistent",
        f"{name} has pixels of other than the {layout.stored} bits that its header states "
        f"({precision} bits in its data): export it anew",
    )


def _signed(codes: Int32[np.ndarray, ...], bits: int) -> Int32[np.ndarray, ...]:
    """Two's complement of so many bits."""
    return codes - ((codes >> (bits - 1)) << bits)


def _belong_to_film(
    whole: Int32[np.ndarray, ...],
    low: Int32[np.ndarray, ...],
    high: Int32[np.ndarray, ...],
    padded: Bool[np.ndarray, "height width"] | None,
) -> bool:
    """Whether the high bits carry the film on: neighbours are torn apart without them.

    An overlay's edge is a jump that goes when the high bits do: of at least their lowest step, and
    noise in the bits below differs by a third of that at most. A film that is deeper than its
    header says is smooth with them, or as noisy.
    """
    with_bits = without = 0
    for axis in (0, 1):
        change = np.diff(high, axis=axis) != 0
        if padded is not None:
            before, after = np.delete(padded, -1, axis), np.delete(padded, 0, axis)
            change &= ~(before | after)
        with_bits += int(np.abs(np.diff(whole, axis=axis))[change].sum(dtype=np.int64))
        without += int(np.abs(np.diff(low, axis=axis))[change].sum(dtype=np.int64))
    return with_bits < _TORN * without


def _find_padding(
    codes: Int32[np.ndarray, ...],
    values: Int32[np.ndarray, ...],
    header: Header,
    layout: Layout,
    bits: int,
) -> Bool[np.ndarray, "height width"] | None:
    """Pixels of the padding value, or within it and the range limit; PS3.3, C.7.5.1.1.2."""
    if layout.samples > 1 or len(header.value(tags.PADDING)) < 2:
        return None
    ends = [header.whole(tags.PADDING)]
    ends.append(header.whole(tags.PADDING_LIMIT, ends[0]))
    fitting = [_as_stored(end, bits, layout.signed) for end in ends]
    if None in fitting:  # a value that only the whole cell can hold
        cell = _signed(codes, layout.allocated) if layout.signed else codes
        found, fitting = cell, [_signed_word(end) if layout.signed else end for end in ends]
    else:
        found = values
    low, high = sorted(end for end in fitting if end is not None)
    padded = (found >= low) & (found <= high)
    return padded if padded.any() else None


def _as_stored(word: int, bits: int, signed: bool) -> int | None:
    """A padding value as pixels hold it, whichever sign its writer gave it; None if it is beyond."""
    if not signed:
        return word if word < 2**bits else None
    number = _signed_word(word)
    if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        return number
    return number - 2**bits if 0 <= number < 2**bits else None


def _signed_word(word: int) -> int:
    return word - 65_536 if word >= 32_768 else word
