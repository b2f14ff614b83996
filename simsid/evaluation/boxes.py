"""Anomaly maps against boxes of findings: pointing game and overlap. Higher map = more abnormal.

A box tells roughly where a finding is, not which pixels it has: overlap with boxes never gets
near 1, even for a perfect map, and is to be read beside its chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from simsid.evaluation.bootstrap import mean_interval

_THRESHOLDS = 200


def box_metrics(
    maps: Float[np.ndarray, "n height width"],
    boxes: Sequence[Float[np.ndarray, "k 4"]],
    threshold: float | None,
) -> dict[str, object]:
    """Pointing game, Dice and IoU, as means over films that have boxes, with bootstrap intervals.

    Args:
        maps: one a film.
        boxes: left, top, right, bottom in pixels of the map, one array a film; at least one box.
        threshold: a pixel above it is called abnormal; it must not come from these films. None
            leaves ``dice``, ``iou`` and ``best_box_iou`` empty.

    Returns:
        ``pointing``, ``dice`` and ``iou`` (union of a film's boxes), ``best_box_iou`` (the box of
        the film that fits best), ``oracle_dice``, ``oracle_iou`` and ``oracle_best_box_iou`` (at the
        one threshold for all films whose IoU is best on these boxes), each {"value", "ci"};
        ``oracle_iou_threshold``. As references: ``chance_pointing``, the mean share of a film that
        its boxes cover, which is what a random pixel scores; ``centre_pointing``, what the film's
        centre scores; and ``chance_iou``, of as many pixels as are flagged, anywhere. ``n`` films,
        ``boxes``.

    Raises:
        ValueError: no films, or a film without boxes.
    """
    if len(maps) == 0 or any(len(of_film) == 0 for of_film in boxes):
        raise ValueError("every film must have at least one box")
    unions = np.stack([union_of(of_film, maps.shape[1:]) for of_film in boxes])
    result: dict[str, object] = {
        "n": len(maps),
        "boxes": sum(len(of_film) for of_film in boxes),
        "pointing": _mean([pointing_hit(m, u) for m, u in zip(maps, unions, strict=True)]),
        "chance_pointing": float(unions.mean()),
        "centre_pointing": _mean(unions[:, maps.shape[1] // 2, maps.shape[2] // 2]),
        "dice": None,
        "iou": None,
        "best_box_iou": None,
        "chance_iou": None,
    }
    if threshold is not None:
        result |= _overlaps(maps > threshold, boxes, unions)
        result["chance_iou"] = chance_iou(maps > threshold, unions)
    best = _best_threshold(maps, unions)
    oracle = _overlaps(maps > best, boxes, unions)
    return (
        result
        | {f"oracle_{name}": value for name, value in oracle.items()}
        | {"oracle_iou_threshold": best}
    )


def union_of(
    boxes: Float[np.ndarray, "k 4"], shape: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """Pixels whose centre lies in a box; for a box that holds no centre, the pixel it lies in."""
    covered = np.zeros(shape, bool)
    for left, top, right, bottom in np.asarray(boxes, np.float64):
        rows, cols = _span(top, bottom, shape[0]), _span(left, right, shape[1])
        covered[rows, cols] = True
    return covered


def pointing_hit(
    anomaly_map: Float[np.ndarray, "height width"],
    truth: Bool[np.ndarray, "height width"],
    tolerance: int = 0,
) -> float:
    """1 if the map's maximum lies in the truth, else 0; of a plateau, the share that does.

    Args:
        tolerance: the maximum may also lie this many pixels beside the truth (a disc).

    Source: the pointing game of Zhang et al., IJCV 2018, who allow 15 px on photographs of about
    500 px. The kit's reports allow none.
    """
    peaks = np.argwhere(anomaly_map == anomaly_map.max())
    if tolerance <= 0:
        return float(truth[tuple(peaks.T)].mean())
    inside = np.argwhere(truth)
    squared = np.square(peaks[:, None] - inside[None]).sum(-1).min(1)
    return float((squared <= tolerance**2).mean())


def iou(found: Bool[np.ndarray, "*shape"], truth: Bool[np.ndarray, "*shape"]) -> float:
    """|A and B| / |A or B|; 0 when both are empty."""
    either = int((found | truth).sum())
    return int((found & truth).sum()) / either if either else 0.0


def chance_iou(
    found: Bool[np.ndarray, "n height width"], unions: Bool[np.ndarray, "n height width"]
) -> float:
    """Mean over films of the IoU that as many flagged pixels would have, strewn at random."""
    flagged, covered = found.mean((1, 2)), unions.mean((1, 2))
    both = flagged * covered
    return float((both / np.maximum(flagged + covered - both, 1e-12)).mean())


def _span(low: float, high: float, size: int) -> slice:
    first, last = int(np.ceil(low - 0.5)), int(np.ceil(high - 0.5))
    if last <= first:
        first = int(np.clip((low + high) / 2, 0, size - 1))
        last = first + 1
    return slice(max(first, 0), min(last, size))


def _overlaps(
    found: Bool[np.ndarray, "n height width"],
    boxes: Sequence[Float[np.ndarray, "k 4"]],
    unions: Bool[np.ndarray, "n height width"],
) -> dict[str, object]:
    shape = found.shape[1:]
    best = [
        max(iou(mask, union_of(box[None], shape)) for box in np.asarray(of_film))
        for mask, of_film in zip(found, boxes, strict=True)
    ]
    whole = [iou(mask, union) for mask, union in zip(found, unions, strict=True)]
    dice = [2 * value / (1 + value) for value in whole]
    return {"dice": _mean(dice), "iou": _mean(whole), "best_box_iou": _mean(best)}


def _best_threshold(
    maps: Float[np.ndarray, "n height width"], unions: Bool[np.ndarray, "n height width"]
) -> float:
    """The threshold, of evenly spread quantiles of these maps, with the highest mean IoU."""
    candidates = np.unique(np.quantile(maps, np.linspace(0, 1, _THRESHOLDS, endpoint=False)))
    means = []
    for value in candidates:
        found = maps > value
        both = (found & unions).sum((1, 2))
        means.append((both / np.maximum((found | unions).sum((1, 2)), 1)).mean())
    return float(candidates[int(np.argmax(means))])


def _mean(values: Sequence[float] | np.ndarray) -> dict[str, object]:
    numbers = np.asarray(values, np.float64)
    return {"value": float(numbers.mean()), "ci": list(mean_interval(numbers))}
