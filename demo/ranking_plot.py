"""The benchmark in one picture: a dot for each method on each data set, in the colours of the page."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from simsid.benchmark.ranking.records import Ranking

WIDE, NARROW = 720, 350
_ROW, _MARGIN, _TOP = 74, 24, 26
_LOW, _HIGH = 0.4, 1.0
_NAMES = {
    "digitanatomy": "DigitAnatomy: digits, no films",
    "zhanglab": "ZhangLab: chest films of children",
    "nih": "NIH: chest films, mostly adults",
    "digitanatomy:hard-1": "DigitAnatomy hard-1: subtle, noisy",
    "zhanglab:shifted": "ZhangLab, normals least like training",
    "nih:shifted": "NIH, normals least like training",
}


def ranking_svg(results: Ranking, width: int = WIDE) -> str:
    """AUROC of every method; the reference stands out, the best other one is named.

    Args:
        width: of the drawing; ``NARROW`` for a phone.
    """

    def x(value: float) -> float:
        share = (min(max(value, _LOW), _HIGH) - _LOW) / (_HIGH - _LOW)
        return _MARGIN + share * (width - 2 * _MARGIN)

    sets = list(dict.fromkeys(entry.dataset for entry in results.entries))
    height = _TOP + _ROW * len(sets) + 34
    rows = "".join(_row(results, name, _TOP + _ROW * index, x) for index, name in enumerate(sets))
    ticks = "".join(
        f'<line class="grid" x1="{x(v):.1f}" x2="{x(v):.1f}" y1="{_TOP - 8}" y2="{height - 34}"/>'
        f'<text class="tick" x="{x(v):.1f}" y="{height - 18}" text-anchor="middle">{v:.1f}</text>'
        for v in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    )
    kind = "wide" if width == WIDE else "narrow"
    words = "AUROC of every method on every data set; the table below has the same numbers"
    return (
        f'<svg class="ranking {kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{words}">'
        f'{ticks}{rows}<text class="tick" x="{width / 2}" y="{height - 3}" text-anchor="middle">'
        "AUROC: 0.5 is chance, 1.0 is perfect</text></svg>"
    )


def _row(results: Ranking, name: str, top: int, x: Callable[[float], float]) -> str:
    scores = {
        entry.model: entry.area
        for entry in results.entries
        if entry.dataset == name and entry.auroc
    }
    middle, reference = top + 46, results.reference
    others = {model: value for model, value in scores.items() if model != reference}
    best = max(others, key=others.__getitem__, default=None)
    dots = "".join(_dot(model, value, x(value), middle, "other") for model, value in others.items())
    label = f'<text x="{_MARGIN - 8}" y="{top + 10}" class="set">{escape(_NAMES.get(name, name))}</text>'
    named = ""
    if reference in scores:
        dots += _dot(reference, scores[reference], x(scores[reference]), middle, "reference")
        named += _named(
            reference, scores[reference], x(scores[reference]), middle - 12, "reference"
        )
    if best is not None:
        named += _named(best, others[best], x(others[best]), middle + 20, "best")
    return f"<g>{label}{dots}{named}</g>"


def _dot(model: str, value: float, x: float, middle: int, kind: str) -> str:
    radius = 8 if kind == "reference" else 5
    return (
        f'<circle class="{kind}" cx="{x:.1f}" cy="{middle}" r="{radius}"><title>'
        f"{escape(model)}: {value:.3f}</title></circle>"
    )


def _named(model: str, value: float, x: float, y: int, kind: str) -> str:
    anchor = "end" if value > 0.75 else "middle"
    text = f"{escape(model)} {value:.3f}"
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>'
