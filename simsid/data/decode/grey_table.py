"""From stored values of a DICOM film to grey: rescale, then VOI table or window, PS3.3 C.11.

Done once for each possible stored value rather than for each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from simsid.data.decode import dicom_header as tags
from simsid.data.decode.dicom_header import Header
from simsid.data.decode.grey import find_depth
from simsid.data.decode.notes import DEPTH_UNSURE, WINDOW_IGNORED


@dataclass(frozen=True)
class GreyTable:
    """Grey in [0, 1] for each stored value from ``lowest`` on, which ``bits`` bits can hold."""

    grey: Float[np.ndarray, " values"]
    lowest: int
    bits: int
    notes: tuple[str, ...] = ()

    def look_up(self, values: Integer[np.ndarray, "height width"]) -> Float[np.ndarray, "h w"]:
        return self.grey.astype(np.float32).take(values - self.lowest, mode="clip")


def make_grey_table(
    header: Header, bits: int, signed: bool, used: tuple[int, int] | None = None
) -> GreyTable:
    """Grey for each possible stored value, and the notes that go with it.

    A modality table or rescale slope and intercept come first; then the first VOI table, or else
    the first window. Without either, the full range of the stored bits after rescaling becomes 0
    to 1: never the range that a film happens to use.

    Args:
        used: the lowest and highest stored value, where the header's depth is only that of the
            cells (16 of 16 bits): then it is found as for a picture, see ``grey.find_depth``.
    """
    lowest = -(2 ** (bits - 1)) if signed else 0
    stored = np.arange(lowest, lowest + 2**bits, dtype=np.float64)
    values, (low, high) = _rescale(header, stored)
    table = header.table(tags.VOI_TABLE)
    if table is not None:
        (_, first, depth), entries = table
        grey = (_look_up(values, first, entries, low < 0) / (2**depth - 1)).clip(0, 1)
        return GreyTable(grey, lowest, bits)
    windowed = _window(header, values)
    if windowed is not None:
        return GreyTable(windowed, lowest, bits)
    ignored = tags.VOI_TABLE in header.found or bool(header.value(tags.WINDOW_WIDTH).strip(b" \0"))
    notes: tuple[str, ...] = (WINDOW_IGNORED,) if ignored else ()
    if used is not None and tags.MODALITY_TABLE not in header.found:
        signed, bits, more = _find_depth(*used, signed)
        lowest = -(2 ** (bits - 1)) if signed else 0
        values, (low, high) = _rescale(
            header, np.arange(lowest, lowest + 2**bits, dtype=np.float64)
        )
        notes += more
    return GreyTable((values - low) / (high - low), lowest, bits, notes)


def _find_depth(lowest: int, highest: int, signed: bool) -> tuple[bool, int, tuple[str, ...]]:
    """(whether there is a sign, bits, notes) of values whose header tells no depth of their own."""
    magnitude = highest if lowest >= 0 else 2 * max(highest, -lowest - 1) + 1
    found, notes = find_depth(magnitude)
    notes = tuple(note for note in notes if note != DEPTH_UNSURE)  # the header does say 16
    return (lowest < 0 or (signed and found == 16)), found, notes


def _rescale(
    header: Header, values: Float[np.ndarray, " values"]
) -> tuple[Float[np.ndarray, " values"], tuple[float, float]]:
    """Values of the modality, and the range that they may take."""
    table = header.table(tags.MODALITY_TABLE)
    if table is not None:
        (_, first, depth), entries = table
        return _look_up(values, first, entries, values[0] < 0), (0.0, 2.0**depth - 1)
    slope, intercept = header.number(tags.SLOPE), header.number(tags.INTERCEPT)
    if slope is not None and intercept is not None and 1e-9 < abs(slope) < 1e9:
        values = values * slope + intercept
    return values, (float(values.min()), float(values.max()))


def _look_up(
    values: Float[np.ndarray, " values"],
    first: int,
    entries: np.ndarray,
    signed: bool,
) -> Float[np.ndarray, " values"]:
    """Values below ``first`` take the first entry, those beyond the table the last."""
    if signed and first > 32_767:
        first -= 65_536  # the descriptor's second number has the sign of what it is applied to
    places = np.round(values - first).clip(0, len(entries) - 1)
    return entries[places.astype(np.int64)].astype(np.float64)


def _window(
    header: Header, values: Float[np.ndarray, " values"]
) -> Float[np.ndarray, " values"] | None:
    """The first window applied, C.11.2.1.2 and C.11.2.1.3; None if there is none that is valid."""
    centre, width = header.number(tags.WINDOW_CENTRE), header.number(tags.WINDOW_WIDTH)
    if centre is None or width is None:
        return None
    function = header.word(tags.WINDOW_FUNCTION) or "LINEAR"
    if function == "SIGMOID" and width > 0:
        return 1 / (1 + np.exp((-4 * (values - centre) / width).clip(-500, 500)))
    if function == "LINEAR" and width >= 1:
        centre, width = centre - 0.5, width - 1
    elif function != "LINEAR_EXACT" or width <= 0:
        return None
    if width == 0:
        return (values > centre).astype(np.float64)
    return ((values - centre) / width + 0.5).clip(0, 1)
