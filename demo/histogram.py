"""Where a film's score lies among calibration normals: an SVG that follows light and dark."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

_WIDE, _NARROW, _HEIGHT, _BINS = 640, 340, 190, 32
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 44, 34
_LETTER = 7.0  # width of one, at most
_BEYOND = 1.25  # how far the axis goes past the highest normal


def histogram(
    normals: Float[np.ndarray, " n"], score: float, threshold: float, p_value: float | None
) -> str:
    """Bars of the normals' scores, the threshold, and the film's own score.

    Without a verdict there is no threshold to draw: it is infinite then. The axis belongs to the
    normals, so that two films can be compared: a score beyond it stands at the edge, with an
    arrow. It is drawn twice, for wide and for narrow screens.
    """
    low, top = float(normals.min()), float(normals.max())
    high = max(low + _BEYOND * (top - low), threshold if np.isfinite(threshold) else low, low + 1)
    drawn = "".join(
        _drawn(normals, score, threshold, p_value, (low, high), width) for width in (_WIDE, _NARROW)
    )
    if not np.isfinite(threshold):
        return f'<div class="normals">{drawn}</div>'
    values = ",".join(f"{value:.4g}" for value in normals)
    return (
        f'<div class="normals" data-normals="[{values}]" data-score="{score:.6g}" '
        f'data-low="{low:.6g}" data-high="{high:.6g}">{drawn}{_try(low, high, threshold)}</div>'
    )


def _drawn(
    normals: Float[np.ndarray, " n"],
    score: float,
    threshold: float,
    p_value: float | None,
    ends: tuple[float, float],
    width: int,
) -> str:
    low, high = ends
    counts, edges = np.histogram(normals, _BINS, ends)

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return _LEFT + share * (width - _LEFT - _RIGHT)

    floor = _HEIGHT - _BOTTOM
    tall = (floor - _TOP) / max(int(counts.max()), 1)
    bars = "".join(
        f'<rect x="{x(a) + 0.5:.1f}" y="{floor - n * tall:.1f}" width="{x(b) - x(a) - 1:.1f}" '
        f'height="{n * tall:.1f}"/>'
        for n, a, b in zip(counts, edges, edges[1:], strict=False)
        if n
    )
    words = f"Histogram of {len(normals)} calibration normals; this film: {score:.2f}"
    parts = [f'<g class="bars">{bars}</g>', _axis(low, high, floor, x, width)]
    if np.isfinite(threshold):
        words += f", threshold: {threshold:.2f}"
        text = f"threshold {threshold:.2f}"
        parts.append(_mark(x(threshold), 30, floor, "threshold", text, width, x(score)))
    arrow = " →" if score > high else ""
    # On a narrow screen there is no room: p stands in the sentences above.
    rank = "" if p_value is None or width < _WIDE else f", p = {p_value:.3f}"
    own = f"{'← ' if score < low else ''}this film {score:.2f}{rank}{arrow}"
    parts.append(_mark(x(score), 14, floor, "own", own, width))
    kind = "wide" if width == _WIDE else "narrow"
    return (
        f'<svg class="histogram {kind}" viewBox="0 0 {width} {_HEIGHT}" role="img" '
        f'aria-label="{words}" data-left="{_LEFT}" data-width="{width - _LEFT - _RIGHT}">'
        f"{''.join(parts)}</svg>"
    )


def _try(low: float, high: float, threshold: float) -> str:
    """A control that moves the threshold, in the browser alone: the verdict stays as it is."""
    return (
        '<label class="try-threshold">Try another threshold <input type="range" '
        f'min="{low:.4g}" max="{high:.4g}" step="{(high - low) / 200:.3g}" value="{threshold:.6g}" '
        'aria-label="Try another threshold"></label><output class="hint">Move it to see how many '
        "calibration normals would be called unusual by mistake. The verdict stays.</output>"
    )


def _axis(low: float, high: float, floor: int, x: Callable[[float], float], width: int) -> str:
    ticks = "".join(
        f'<text x="{x(v):.1f}" y="{floor + 14}" text-anchor="{anchor}">{v:.1f}</text>'
        for v, anchor in ((low, "start"), ((low + high) / 2, "middle"), (high, "end"))
    )
    words = "score of calibration normals (higher = more abnormal)"
    if width < _WIDE:
        words = "score of normals (higher = more abnormal)"
    return (
        f'<line class="axis" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{floor}" y2="{floor}"/>{ticks}'
        f'<text x="{width / 2}" y="{_HEIGHT - 4}" text-anchor="middle">{words}</text>'
    )


def _mark(
    place: float,
    text_y: int,
    floor: int,
    css_class: str,
    text: str,
    width: int,
    avoid: float | None = None,
) -> str:
    """A line with its words beside it, on the side where no line at ``avoid`` goes through them."""
    anchor, step = ("end", -6) if _before(place, text, width, avoid) else ("start", 6)
    return (
        f'<g class="{css_class}"><line x1="{place:.1f}" x2="{place:.1f}" y1="{text_y - 10}" '
        f'y2="{floor}"/><text x="{place + step:.1f}" y="{text_y}" text-anchor="{anchor}">{text}'
        "</text></g>"
    )


def _before(place: float, text: str, width: int, avoid: float | None) -> bool:
    """Whether words stand to the left of their line."""
    usual, long = place > width / 2, 6 + _LETTER * len(text)
    if avoid is None:
        return usual

    def clear(before: bool) -> bool:
        left, right = (place - long, place) if before else (place, place + long)
        return left >= 0 and right <= width and not left <= avoid <= right

    return not usual if clear(not usual) and not clear(usual) else usual
