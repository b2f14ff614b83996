"""Does the graph say what torch says, and how fast? Measured on normals made from the model itself."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from simsid.detectors import Detector
from simsid.models.variation import VariationRange, draw_variation
from simsid.prediction import Prediction

FILMS = 32
TOLERANCE = 1e-4  # of the normals' spread
_BATCHES = (1, FILMS)
_REPEATS = 5
_DRAWN = VariationRange(0.03, 0.02, 0.02, 0.02, 0.1, 0.1, 0.03, 0.3, 0.02)


@dataclass(frozen=True)
class Difference:
    """Of one output, over all films.

    Attributes:
        output: what it is of, 'map of lesion'.
        largest: absolute difference.
        spread: standard deviation among normals, in the same unit.
    """

    output: str
    largest: float
    spread: float

    @property
    def share(self) -> float:
        """The difference in units of the spread."""
        return self.largest / self.spread if self.spread else float(self.largest > 0)


@dataclass(frozen=True)
class Report:
    """What an export says about itself.

    Attributes:
        differences: of score, regions and map, of every named score.
        flips: films whose verdict differs, of ``FILMS``.
        seconds: for 1 and for 32 films, (torch, graph).
        megabytes: of weights and of the graph.
    """

    differences: tuple[Difference, ...]
    flips: int
    seconds: dict[int, tuple[float, float]]
    megabytes: tuple[float, float]

    def lines(self) -> list[str]:
        """As Markdown."""
        rows = [
            f"| {each.output} | {each.largest:.1e} | {each.share:.1e} |"
            for each in self.differences
        ]
        beyond = [each.output for each in self.differences if each.share > TOLERANCE]
        told = f"beyond {TOLERANCE:g} of the spread: {', '.join(beyond)}" if beyond else (
            f"every difference is within {TOLERANCE:g} of the spread"
        )  # fmt: skip
        return [
            f"On {FILMS} normals made from the model's mean film, against torch:",
            "",
            "| output | largest difference | of the normals' spread |",
            "|---|---|---|",
            *rows,
            "",
            f"{told}; {self.flips} of {FILMS} verdicts differ.",
            "",
            "| | torch | graph |",
            "|---|---|---|",
            *(
                f"| {count} film{'s' * (count > 1)}, ms | {1e3 * own:.1f} | {1e3 * graph:.1f} |"
                for count, (own, graph) in self.seconds.items()
            ),
            f"| size on disk, MB | {self.megabytes[0]:.1f} | {self.megabytes[1]:.1f} |",
        ]


def compare(
    detector: Detector,
    exported: Detector,
    films: Float[np.ndarray, "n height width"],
    megabytes: tuple[float, float],
) -> Report:
    """Score the same films with both. The spread of a score is that of calibration normals, of
    regions and maps that of ``films`` as torch has them."""
    differences, flips = [], 0
    for name in detector.score_names:
        ours, theirs = detector.predict(films, name), exported.predict(films, name)
        spreads = (
            float(np.std(detector.calibration.scores[name])),
            float(ours.regions.std()),
            float(ours.anomaly_map.std()),
        )
        for part, a, b, spread in zip(
            ("score", "regions", "map"), _parts(ours), _parts(theirs), spreads, strict=True
        ):
            label = part if name == detector.score_names[0] else f"{part} of {name}"
            differences.append(Difference(label, float(np.abs(a - b).max()), spread))
        if name == detector.score_names[0]:
            verdicts = [
                detector.calibration.is_abnormal(name, each.score, each.population)
                for each in (ours, theirs)
            ]
            flips = int((verdicts[0] != verdicts[1]).sum())
    seconds = {count: _seconds(detector, exported, films[:count]) for count in _BATCHES}
    return Report(tuple(differences), flips, seconds, megabytes)


def _parts(prediction: Prediction) -> tuple[np.ndarray, ...]:
    return prediction.score, prediction.regions, prediction.anomaly_map


def _seconds(detector: Detector, exported: Detector, films: np.ndarray) -> tuple[float, float]:
    """Shortest of some passes, both taken in turn: what else runs on the machine hits both."""
    best = [float("inf"), float("inf")]
    for _ in range(_REPEATS):
        for index, model in enumerate((detector, exported)):
            began = time.perf_counter()
            model.predict(films)
            best[index] = min(best[index], time.perf_counter() - began)
    return best[0], best[1]


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
