"""Anomalies that need no disease: changes to normal films, by family and strength.

Each family changes one window of a film, with soft edges, so that no cut gives it away. Related:
CutPaste (Li et al. 2021), foreign patch interpolation (Tan et al. 2020), MVTec LOCO's logical
anomalies (Bergmann et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from simsid.models.lesions import paint_lesions

STRENGTHS = {"weak": 0.25, "medium": 0.5, "strong": 1.0}
_SMALLEST, _LARGEST = 0.12, 0.34  # side of a window, as a share of the film's
_MARGIN = 0.05  # of the film's sides that no window reaches
_FEATHER = 0.15  # of a window's sides
_PLAIN = 0.25  # of the largest change: what is less is the feather of an edge
_DRAWS = 4  # windows drawn for each film: the one that changes most is kept, not a blank one

Film = Float[Tensor, "height width"]
Window = tuple[slice, slice]
Change = Callable[[Film, Film, tuple[Window, Window], float], Film]


def change_films(
    films: Float[Tensor, "n 1 height width"],
    family: str,
    strength: str,
    seed: int = 0,
    grid_size: tuple[int, int] | None = None,
) -> Float[Tensor, "n 1 height width"]:
    """Give each normal film one anomaly of a family; the same seed gives the same bits.

    Args:
        films: normals, float in [0, 1], at least two.
        family: one of ``FAMILIES``.
        strength: one of ``STRENGTHS``: of size, and of contrast where the family has one.
        grid_size: strong anomalies change whole regions of this grid; None: windows anywhere.
    """
    share = STRENGTHS[strength]
    if family == PAINTED:
        return _painted(films, share, seed)
    rng, change = Generator().manual_seed(seed), _CHANGES[family]
    others = films.roll(1, 0)
    regions = grid_size if strength == "strong" else None
    changed = [
        _most_changed(film[0], other[0], change, share, rng, regions)
        for film, other in zip(films, others, strict=True)
    ]
    return torch.stack(changed)[:, None].clamp(0, 1)


def changed_places(
    films: Float[Tensor, "n 1 height width"], changed: Float[Tensor, "n 1 height width"]
) -> Bool[Tensor, "n height width"]:
    """Where each film was changed by at least a quarter of what it was changed most."""
    change = (changed - films).abs()[:, 0]
    return change >= (_PLAIN * change.amax((1, 2), keepdim=True)).clamp_min(1e-6)


def _most_changed(
    film: Film,
    other: Film,
    change: Change,
    share: float,
    rng: Generator,
    regions: tuple[int, int] | None,
) -> Film:
    def draw() -> Window:
        return _region(film, regions, rng) if regions else _window(film, share, rng)

    draws = [change(film, other, (draw(), draw()), share) for _ in range(_DRAWS)]
    amounts = [float((drawn - film).abs().mean()) for drawn in draws]
    return draws[amounts.index(max(amounts))]


# --- windows ------------------------------------------------------------------------------------


def _window(film: Film, share: float, rng: Generator) -> Window:
    part = _SMALLEST + (_LARGEST - _SMALLEST) * share
    return _slice(film.shape[0], part, rng), _slice(film.shape[1], part, rng)


def _region(film: Film, grid_size: tuple[int, int], rng: Generator) -> Window:
    """One region of the grid, whole."""
    parts = []
    for side, cells in zip(film.shape, grid_size, strict=True):
        at = int(torch.randint(cells, (), generator=rng))
        parts.append(slice(at * side // cells, (at + 1) * side // cells))
    return parts[0], parts[1]


def _slice(side: int, part: float, rng: Generator) -> slice:
    length, margin = max(2, round(part * side)), round(_MARGIN * side)
    start = int(
        torch.randint(margin, max(margin + 1, side - margin - length + 1), (), generator=rng)
    )
    return slice(start, start + length)


def _feather(shape: torch.Size) -> Film:
    """1 in the middle, falling to its edges."""
    ramps = []
    for length in shape:
        along = (torch.arange(length) + 0.5) / length
        ramps.append((torch.minimum(along, 1 - along) / _FEATHER).clamp(0, 1))
    return ramps[0][:, None] * ramps[1]


def _put(film: Film, window: Window, piece: Film, opacity: float = 1.0) -> Film:
    """The film with a piece blended into a window."""
    result = film.clone()
    mask = opacity * _feather(piece.shape)
    result[window] = film[window] + mask * (piece - film[window])
    return result


# --- families -----------------------------------------------------------------------------------


def _opacity(film: Film, other: Film, places: tuple[Window, Window], share: float) -> Film:
    """Tissue lifted softly towards the film's bright levels."""
    bright = torch.quantile(film.flatten(), 0.9)
    return _put(film, places[0], torch.maximum(film[places[0]], bright), 0.3 + 0.5 * share)


def _graft(film: Film, other: Film, places: tuple[Window, Window], share: float) -> Film:
    """The same place of another normal film."""
    return _put(film, places[0], other[places[0]])


def _exchanged(film: Film, other: Film, places: tuple[Window, Window], share: float) -> Film:
    """Two places of the film change places."""
    first, second = places
    return _put(_put(film, first, film[second]), second, film[first])


def _erased(film: Film, other: Film, places: tuple[Window, Window], share: float) -> Film:
    """Nothing there: dark, the place's mean, or its detail washed out."""
    piece = film[places[0]]
    mean = piece.mean().expand_as(piece)
    kinds = (
        torch.quantile(film.flatten(), 0.05).expand_as(piece),
        mean,
        0.25 * piece + 0.75 * mean,
    )
    start = places[1][0].start  # as good as drawn
    return _put(film, places[0], kinds[start % len(kinds)])


def _flipped(film: Film, other: Film, places: tuple[Window, Window], share: float) -> Film:
    """A place upside down."""
    return _put(film, places[0], film[places[0]].flip(0))


def _foreign(film: Film, other: Film, places: tuple[Window, Window], share: float) -> Film:
    """Another place of another normal film."""
    return _put(film, places[0], other[places[1]])


def _darkened(film: Film, other: Film, places: tuple[Window, Window], share: float) -> Film:
    """A place loses light."""
    return _put(film, places[0], film[places[0]] * (1 - 0.2 - 0.5 * share))


def _painted(films: Tensor, share: float, seed: int) -> Tensor:
    """The lesions that lesion networks are trained with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        painted, _ = paint_lesions(films)
    return films + (0.4 + 0.6 * share) * (painted - films)


PAINTED = "painted"
_CHANGES: dict[str, Change] = {
    "opacity": _opacity,
    "graft": _graft,
    "exchanged": _exchanged,
    "erased": _erased,
    "flipped": _flipped,
    "foreign": _foreign,
    "darkened": _darkened,
}
FAMILIES = (*_CHANGES, PAINTED)
