"""How firm a verdict is, and whether a place on the film explains it: from what ``score_film`` says."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from simsid.map_scale import MapScale
from simsid.scoring import CALLED_ABNORMAL, CALLED_NORMAL, ScoredFilm

_SPREAD = 0.4  # of the body: colour on more of it points nowhere


def threshold_interval(film: ScoredFilm) -> tuple[float, float]:
    """Between which scores the threshold may lie, as sure as ``rate_interval`` is.

    The scores that as many calibration normals pass as the highest and the lowest rate in that
    interval say.
    """
    low, high = film.rate_interval
    ends = np.quantile(film.normals, [1 - high, 1 - low])
    return min(float(ends[0]), film.threshold), max(float(ends[1]), film.threshold)


def is_borderline(film: ScoredFilm) -> bool:
    """Whether the calibration normals are too few to say on which side of the threshold it lies."""
    if film.verdict not in (CALLED_NORMAL, CALLED_ABNORMAL):
        return False
    low, high = threshold_interval(film)
    return low <= film.score <= high


def diffuse(
    film: ScoredFilm,
    shown: Float[np.ndarray, "height width"],
    body: Float[np.ndarray, "height width"],
    scale: MapScale,
) -> str:
    """A sentence where no single place explains a score above the threshold; else nothing.

    Args:
        shown: the map as it is drawn.
        body: see ``body_mask``.
    """
    if film.score <= film.threshold:
        return ""
    coloured = shown > scale.low
    share = float(coloured.sum()) / max(float((body > 0.5).sum()), 1.0)
    if not coloured.any():
        return (
            "Diffuse: no single place explains the score. Many regions are a little unusual, none "
            "of them enough to be coloured on the map."
        )
    if share > _SPREAD:
        return (
            f"Diffuse: no single place explains the score. The map is coloured on {100 * share:.0f} % "
            "of the body."
        )
    return ""
