"""From stored values of a DICOM film to grey: rescale, then VOI table or window, PS3.3 C.11.

Done once for each possible stored value rather than for each pixel.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from simsid.data.decode import dicom_header as tags
from simsid.data.decode.dicom_header import Header

WINDOW_IGNORED = "window_ignored"


def make_grey_table(
    header: Header, bits: int, signed: bool
) -> tuple[Float[np.ndarray, " values"], tuple[str, ...]]:
    """Grey in [0, 1] for each possible stored value, from the lowest to the highest, and warnings.

    A modality table or rescale slope and intercept come first; then the first VOI table, or else
    the first window. Without either, the full range of the stored bits after rescaling becomes 0
    to 1: never the range that a film happens to use.
    """
    lowest = -(2 ** (bits - 1)) if signed else 0
    values = np.arange(lowest, lowest + 2**bits, dtype=np.float64)
    values, (low, high) = _rescale(header, values)
    table = header.table(tags.VOI_TABLE)
    if table is not None:
        (_, first, depth), entries = table
        return (_look_up(values, first, entries, low < 0) / (2**depth - 1)).clip(0, 1), ()
    windowed = _window(header, values)
    if windowed is not None:
        return windowed, ()
    ignored = tags.VOI_TABLE in header.found or bool(header.value(tags.WINDOW_WIDTH).strip(b" \0"))
    return (values - low) / (high - low), (WINDOW_IGNORED,) if ignored else ()


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
