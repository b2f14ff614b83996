"""More normals of populations that a model knows: which thresholds are set anew, and which are kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from simsid.data.rates import least_normals
from simsid.detectors.calibration import Calibration
from simsid.errors import SimsidError
from simsid.shares import in_percent

if TYPE_CHECKING:
    import torch

    from simsid.detectors.base import Detector

LEAST = 20  # films to recalibrate on, a round number: the threshold of 5 % takes 19 of them


def normals_needed(rate: float, confidence: float | None) -> int:
    """The fewest films of a population to recalibrate on: what its threshold takes, and 20 at least.

    That is 49 for a rate of 2 % that holds on average, and 45 for 5 % with a confidence of 90 %.

    Args:
        confidence: None where the rate holds on average.
    """
    return max(LEAST, least_normals(rate, confidence or None))


def refuse_too_few(
    calibration: Calibration,
    rate: float,
    confidence: float | None,
    former: Calibration | None = None,
) -> None:
    """Refuse a rate, or a confidence, that some population has too few normals for.

    Args:
        confidence: None where the rate holds on average.
        former: of the same populations; one that had no threshold there may stay without.

    Raises:
        SimsidError: a population's threshold would be infinite.
    """
    short = [
        (calibration.num_normals_of(i), name)
        for i, name in enumerate(calibration.names)
        if not has_threshold(calibration, i) and (former is None or has_threshold(former, i))
    ]
    if not short:
        return
    least, name = min(short)
    remedies = ["add normals", "ask for a higher --false-alarm-rate"]
    sure = ""
    if confidence:
        sure = f" with a confidence of {in_percent(confidence)}"
        on_average = normals_needed(rate, None) <= least
        remedies[1:] = ["leave it at --rate-confidence 0"] if on_average else remedies[1:]
    raise SimsidError(
        f"{least} normals{f' of {name!r}' if name else ''} cannot hold a rate of "
        f"{in_percent(rate)}{sure}, {normals_needed(rate, confidence)} can: {', or '.join(remedies)}"
    )


def has_threshold(calibration: Calibration, population: int) -> bool:
    """Whether a population has normals enough for the stated rate, so that its films get verdicts."""
    return math.isfinite(calibration.threshold(next(iter(calibration.scores)), population))


def renewed(
    detector: Detector, images: torch.Tensor, rate: float, confidence: float | None
) -> tuple[Calibration, dict[str, Any]]:
    """Each population that enough of these films look like stands on them; the others stay.

    A population that is kept keeps scores and looks of its former normals, so its threshold stays
    where it is, too, unless another rate or confidence is asked for. The scale of maps is of all
    normals' maps, which nobody keeps: it is made anew where every population is.

    Args:
        detector: calibrated on several populations.
        images: (n, 1, height, width) normals of some of them, float in [0, 1].
        confidence: see ``recalibrate``.

    Returns:
        The calibration, and what ``facts["recalibrated"]`` tells of it: ``renewed`` and ``kept``,
        each with the number of normals by population, and ``too_few``: how many of these films
        look like a population that is kept.

    Raises:
        SimsidError: no population can be renewed, or a kept one cannot hold the rate or the
            confidence that is asked for.
    """
    former = detector.calibration
    sure = former.confidence if confidence is None else confidence or None
    needed = normals_needed(rate, sure)
    like = detector.population.nearest(images.to(detector.device)).cpu()
    counts = {name: int((like == i).sum()) for i, name in enumerate(former.names)}
    fresh: dict[int, Calibration] = {}
    if all(count >= needed for count in counts.values()):
        detector.calibrate(images, rate, former.names, sure)
        return detector.calibration, {"renewed": counts, "kept": {}, "too_few": {}}
    for index, name in enumerate(former.names):
        if counts[name] >= needed:
            detector.calibrate(images[like == index], rate, confidence=sure)
            fresh[index] = detector.calibration
    if not fresh:
        told = ", ".join(
            f"{count} of the films look like '{name}'" for name, count in counts.items()
        )
        raise SimsidError(
            f"{told}: at least {needed} of one population are needed{_way_out(counts, rate, sure)}. "
            "Add films, or leave out --same-populations"
        )
    joined = _joined(former, fresh, rate, sure)
    refuse_too_few(joined, rate, sure, None if confidence else former)
    kept = [name for i, name in enumerate(former.names) if i not in fresh]
    return joined, {
        "renewed": {former.names[i]: own.num_normals for i, own in fresh.items()},
        "kept": {name: former.num_normals_of(former.names.index(name)) for name in kept},
        "too_few": {name: counts[name] for name in kept},
    }


def _way_out(counts: Mapping[str, int], rate: float, confidence: float | None) -> str:
    """Why so many normals are needed, and what needs fewer; '' where nothing does."""
    fewer = normals_needed(rate, None)
    if not confidence or fewer >= normals_needed(rate, confidence):
        return ""
    why = f" for a rate that holds with a confidence of {in_percent(confidence)}"
    if max(counts.values()) < fewer:
        return why
    return f"{why}; {fewer} are enough for one that holds on average (--rate-confidence 0)"


def _joined(
    former: Calibration, fresh: Mapping[int, Calibration], rate: float, confidence: float | None
) -> Calibration:
    """The former normals, of each population that is renewed the new ones."""
    count = range(len(former.names))
    scores = {
        name: np.concatenate(
            [fresh[i].scores[name] if i in fresh else former.reference(name, i) for i in count]
        )
        for name in former.scores
    }
    sizes = [fresh[i].num_normals if i in fresh else former.num_normals_of(i) for i in count]
    told = [fresh[i].looks if i in fresh else former.looks_of(i) for i in count]
    looks = [each for each in told if each is not None]
    return Calibration(
        scores,
        rate,
        former.map_quantiles,
        np.repeat(np.arange(len(sizes)), sizes),
        former.names,
        confidence,
        np.concatenate(looks) if len(looks) == len(told) else None,
        former.removed,
    )
