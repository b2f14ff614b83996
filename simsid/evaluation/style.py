"""One look for all figures: sizes in inches, colours that colour-blind readers tell apart."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter

from simsid.files import naming
from simsid.terminal import printable

NORMAL_COLOUR, CALIBRATION_COLOUR, INK, FAINT = "#0072B2", "#8A8A8A", "#222222", "#6B6B6B"
KIND_COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8B5A2B")
KIND_DASHES = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (5, 1.5, 1.2, 1.5)),
    (0, (8, 2)),
    (0, (3, 3)),
)
WIDTH = 8.0
DPI = 160
_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "text.parse_math": False,  # names of films and findings may hold dollar signs
}


@contextmanager
def shared_style() -> Iterator[None]:
    """Figures made inside look alike; matplotlib's own settings are left alone outside."""
    with matplotlib.rc_context(_RC):
        yield


def new_figure(width: float = WIDTH, height: float = 3.6) -> Figure:
    """A figure without any window; ``save`` writes it."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    return Figure(figsize=(width, height), layout=layout)


def shown_kinds(by_kind: dict[str, dict]) -> list[str]:
    """The kinds that figures draw one by one: the most frequent, as many as there are colours."""
    frequent = sorted(by_kind, key=lambda kind: -by_kind[kind]["n"])[: len(KIND_COLOURS)]
    return [kind for kind in by_kind if kind in frequent]


def colour_of(kind: str, kinds: list[str]) -> str:
    """'normal' is blue; anomalies take the other colours in order."""
    return (
        NORMAL_COLOUR if kind == "normal" else KIND_COLOURS[kinds.index(kind) % len(KIND_COLOURS)]
    )


def dash_of(kind: str, kinds: list[str]) -> object:
    """A line style for each kind, so that colour is never the only cue."""
    return "-" if kind == "normal" else KIND_DASHES[kinds.index(kind) % len(KIND_DASHES)]


def log_if_wide(axes: Axes, values: np.ndarray, axis: str = "y", decades: int = 2) -> bool:
    """A logarithmic axis, labelled at powers of ten, for positive values over so many decades."""
    if values.min() <= 0 or values.max() / values.min() < 10**decades:
        return False
    (axes.set_yscale if axis == "y" else axes.set_xscale)("log")
    scaled = axes.yaxis if axis == "y" else axes.xaxis
    scaled.set_major_formatter("{x:g}")
    scaled.set_minor_formatter(NullFormatter())
    return True


def plain(axes: Axes) -> None:
    """An axes that holds a picture: no ticks, no grid, no frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def save(figure: Figure, path: Path, source: str) -> Path:
    """Write a PNG with ``source`` (data fingerprint and commit) in small print below."""
    source = printable(source)
    figure.supxlabel(source, fontsize=7, color=FAINT, x=0.995, ha="right")
    for text in figure.findobj(Text):
        text.set_text(printable(text.get_text()))
    with warnings.catch_warnings(), naming(path):
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # drawn as a box
        figure.savefig(path, dpi=DPI, metadata={"Software": None, "Description": source})
    return path


def label_of(name: str) -> str:
    """A name as a legend shows it: matplotlib leaves out what begins with an underscore."""
    return printable(f" {name}" if name.startswith("_") else name)
