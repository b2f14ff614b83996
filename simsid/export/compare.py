"""Does the graph say what torch says, and how fast? Measured on normals made from the model itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from simsid.detectors import Detector
from simsid.export.detector import ExportedDetector
from simsid.export.graph import ABNORMAL, P_VALUE, PERCENTILE, POPULATION, THRESHOLD
from simsid.models.variation import VariationRange, draw_variation
from simsid.prediction import Prediction

FILMS = 32
TOLERANCE = 1e-4  # of the normals' spread
UNEQUAL = 1e-2  # the same, of the default score: beyond it this is another model
BATCHES = (1, FILMS)  # films at once, of which the time is taken
_REPEATS = 5
_ALONE = 8  # films that torch scores once more, one by one
_DIGITS = 1e-6  # of a conclusion in float64, of which a runtime may keep those of float32
_TIMES = 3  # what torch differs from itself: as much more, and it is no rounding
_DRAWN = VariationRange(0.03, 0.02, 0.02, 0.02, 0.1, 0.1, 0.03, 0.3, 0.02)


@dataclass(frozen=True)
class Difference:
    """Of one output, over all films.

    Attributes:
        output: what it is of, 'map of lesion'.
        largest: absolute difference.
        spread: standard deviation among normals, in the same unit.
        own: largest difference of torch to itself, of the first films in one batch and one by one.
    """

    output: str
    largest: float
    spread: float
    own: float = 0.0

    @property
    def share(self) -> float:
        """The difference in units of the spread."""
        return self._in_spreads(self.largest)

    @property
    def own_share(self) -> float:
        """``own`` in units of the spread."""
        return self._in_spreads(self.own)

    def is_beyond(self, limit: float) -> bool:
        """Whether it is more than a share of the spread, and more than torch rounds by itself."""
        return self.share > limit and self.largest > _TIMES * self.own

    def _in_spreads(self, value: float) -> float:
        return value / self.spread if self.spread else float(value > 0)


@dataclass(frozen=True)
class Judged:
    """How far what the graph itself says of a score is from what the kit says of the same score.

    Attributes:
        output: 'p_value', 'percentile', 'threshold', 'abnormal' or 'population'.
        differ: films, of ``FILMS``. largest: absolute difference.
    """

    output: str
    differ: int
    largest: float


@dataclass(frozen=True)
class Report:
    """What an export says about itself.

    Attributes:
        differences: of score, regions and map, of every named score.
        judged: of what the graph concludes from its default score.
        flips: films whose verdict differs, of ``FILMS``.
        seconds: for 1 and for 32 films, (torch, graph).
        megabytes: of weights and of the graph.
    """

    differences: tuple[Difference, ...]
    judged: tuple[Judged, ...]
    flips: int
    seconds: dict[int, tuple[float, ...]]
    megabytes: tuple[float, float]

    @property
    def default(self) -> tuple[Difference, ...]:
        """Of score, regions and map of the default score."""
        return self.differences[:3]

    def lines(self) -> list[str]:
        """As Markdown."""
        rows = [
            f"| {each.output} | {each.largest:.1e} | {each.share:.1e} | {each.own_share:.1e} |"
            for each in self.differences
        ]
        beyond = [each.output for each in self.differences if each.is_beyond(TOLERANCE)]
        told = f"beyond {TOLERANCE:g} of the spread: {', '.join(beyond)}" if beyond else (
            f"every difference is within {TOLERANCE:g} of the spread, or {_TIMES} times what torch "
            "differs from itself"
        )  # fmt: skip
        return [
            f"On {FILMS} normals made from the model's mean film, against torch:",
            "",
            "| output | largest difference | of the normals' spread | torch in batches of another size |",
            "|---|---|---|---|",
            *rows,
            "",
            f"{told}; {self.flips} of {FILMS} verdicts differ.",
            "",
            "| what the graph concludes | films where torch concludes otherwise | largest difference |",
            "|---|---|---|",
            *(
                f"| {each.output} | {each.differ} of {FILMS} | {each.largest:.1e} |"
                for each in self.judged
            ),
            "",
            "| | torch | graph |",
            "|---|---|---|",
            *(
                f"| {count} film{'s' * (count > 1)}, ms | {1e3 * own:.1f} | {1e3 * graph:.1f} |"
                for count, (own, graph) in self.seconds.items()
            ),
            f"| size on disk, MB | {self.megabytes[0]:.1f} | {self.megabytes[1]:.1f} |",
        ]


def silent(_: str) -> None:
    """Tell nobody what begins."""


def compare(
    detector: Detector,
    exported: ExportedDetector,
    films: Float[np.ndarray, "n height width"],
    megabytes: tuple[float, float],
    begin: Callable[[str], None] = silent,
) -> Report:
    """Score the same films with both. The spread of a score is that of calibration normals, of the
    population with the least; of regions and maps that of ``films`` as torch has them.

    Args:
        begin: is told each stage in words, as it begins.
    """
    begin(f"comparing it with torch on {len(films)} made normals")
    differences, flips, populations = [], 0, len(detector.calibration.names)
    judged: tuple[Judged, ...] = ()
    for name in detector.score_names:
        ours, theirs = detector.predict(films, name), exported.predict(films, name)
        alone = detector.predict(films[:_ALONE], name, 1)
        spreads = (
            min(detector.calibration.spread(name, i) for i in range(populations)),
            float(ours.regions.std()),
            float(ours.anomaly_map.std()),
        )
        for part, a, b, one, spread in zip(
            ("score", "regions", "map"), *map(_parts, (ours, theirs, alone)), spreads, strict=True
        ):
            label = part if name == detector.score_names[0] else f"{part} of {name}"
            own = float(np.abs(a[: len(one)] - one).max())
            differences.append(Difference(label, float(np.abs(a - b).max()), spread, own))
        if name == detector.score_names[0]:
            judged = _judged(ours, exported.conclusions(films), detector, name)
            flips = next(each.differ for each in judged if each.output == ABNORMAL)
    begin("timing both")
    seconds = {count: shortest_seconds((detector, exported), films[:count]) for count in BATCHES}
    return Report(tuple(differences), judged, flips, seconds, megabytes)


def _judged(
    ours: Prediction, told: dict[str, np.ndarray], detector: Detector, name: str
) -> tuple[Judged, ...]:
    """What the graph concludes beside what the kit concludes from torch's score."""
    calibration = detector.calibration
    population = np.zeros(len(ours.score), int) if ours.population is None else ours.population
    expected = {
        P_VALUE: ours.p_value,
        PERCENTILE: ours.percentile,
        THRESHOLD: np.array([calibration.threshold(name, each) for each in population]),
        ABNORMAL: calibration.is_abnormal(name, ours.score, ours.population),
        POPULATION: population,
    }
    found = []
    for output, values in expected.items():
        apart = ~np.isclose(told[output], values, rtol=_DIGITS, atol=0)
        both = np.isfinite(values) & np.isfinite(told[output])
        gap = np.abs(told[output].astype(float) - values.astype(float), where=both,
                     out=np.zeros(len(values)))  # fmt: skip
        found.append(Judged(output, int(apart.sum()), float(gap.max())))
    return tuple(found)


def _parts(prediction: Prediction) -> tuple[np.ndarray, ...]:
    return prediction.score, prediction.regions, prediction.anomaly_map


def shortest_seconds(models: Sequence[Detector], films: np.ndarray) -> tuple[float, ...]:
    """Shortest of some passes of each, taken in turn: what else runs on the machine hits all."""
    best = [float("inf")] * len(models)
    for _ in range(_REPEATS):
        for index, model in enumerate(models):
            began = time.perf_counter()
            model.predict(films)
            best[index] = min(best[index], time.perf_counter() - began)
    return tuple(best)


def made_normals(
    detector: Detector, count: int = FILMS, seed: int = 0
) -> Float[np.ndarray, "count height width"]:
    """The mean normal film, moved and exposed a little, in 256 grey levels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mean = detector.normal_mean.detach().cpu().repeat(count, 1, 1, 1)
        drawn = draw_variation(mean, _DRAWN)
        films = drawn.expose(drawn.move(mean)).clamp(0, 1)
    return ((films * 255).round() / 255)[:, 0].numpy()
