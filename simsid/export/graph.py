"""A trained detector as one module: films in, everything that is told of them out."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.detectors.base import Detector
from simsid.export.expected import SolvedExpectedFilm
from simsid.export.operators import PlainOperators
from simsid.export.resize import Resize

FILM = "film"
SCORE, REGIONS, MAP, RECONSTRUCTION = "score", "regions", "map", "reconstruction"
P_VALUE, PERCENTILE, THRESHOLD, ABNORMAL = "p_value", "percentile", "threshold", "abnormal"
POPULATION = "population"


def output_of(part: str, name: str) -> str:
    """The name of an output that belongs to one of several scores: 'map_lesion'."""
    return f"{part}_{name}"


class ExportedGraph(nn.Module):
    """What a calibrated detector does with decoded films, in operators that ONNX has.

    Input: (batch, 1, height, width) float32 in [0, 1], films of one size, any size. Outputs, by
    ``names``: ``score``, ``regions`` and ``map`` of the default score, its ``p_value``,
    ``percentile``, ``threshold``, ``abnormal`` and ``population``; a ``reconstruction`` where there
    is one; score, regions and map of every other score, see :func:`output_of`.

    Args:
        detector: is copied; it stays as it is.

    Raises:
        ValueError: it is not calibrated.
    """

    ranked: Tensor
    counts: Tensor
    thresholds: Tensor

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        calibration, default = detector.calibration, detector.score_names[0]
        self.detector = copy.deepcopy(detector).cpu().eval().requires_grad_(False)
        self.detector.settle()
        self.detector.expected = SolvedExpectedFilm(detector.expected, detector.normal_mean)
        self.resize = Resize(detector.preprocessing)
        self.populations = len(calibration.names)
        longest = max(calibration.num_normals_of(index) for index in range(self.populations))
        ranked = torch.full((self.populations, longest), -torch.inf, dtype=torch.float64)
        for index in range(self.populations):
            own = torch.as_tensor(calibration.ranked(default, index))
            ranked[index, : len(own)] = own
        thresholds = [calibration.threshold(default, i) for i in range(self.populations)]
        self.register_buffer("ranked", ranked)
        self.register_buffer("counts", (ranked > -torch.inf).sum(1))
        self.register_buffer("thresholds", torch.tensor(thresholds, dtype=torch.float64))
        rebuilt = (RECONSTRUCTION,) if detector.gives_reconstruction else ()
        others = detector.score_names[1:]
        self.names: tuple[str, ...] = (
            SCORE, REGIONS, MAP, P_VALUE, PERCENTILE, THRESHOLD, ABNORMAL, POPULATION, *rebuilt,
            *(output_of(part, name) for name in others for part in (SCORE, REGIONS, MAP)),
        )  # fmt: skip

    def forward(self, film: Float[Tensor, "batch 1 height width"]) -> tuple[Tensor, ...]:
        """The outputs that ``names`` lists."""
        with PlainOperators():
            told = self._told(self.resize(film))
        return tuple(told[name] for name in self.names)

    def _told(self, images: Float[Tensor, "batch 1 h w"]) -> dict[str, Tensor]:
        detector = self.detector
        evidence = detector.evidence(images)
        told: dict[str, Tensor] = {}
        for number, (name, regions) in enumerate(detector.regions_by_score(evidence).items()):
            drawn = detector.map_of(name, images, evidence, regions)
            parts = {
                SCORE: detector.image_score(name, regions).double(),
                REGIONS: regions.float().unflatten(1, detector.grid_size),
                MAP: drawn.float(),
            }
            told |= {output_of(part, name) if number else part: v for part, v in parts.items()}
        if evidence.reconstruction is not None:
            told[RECONSTRUCTION] = evidence.reconstruction.float().clamp(0, 1)
        return told | self._judged(images, told[SCORE])

    def _judged(self, images: Tensor, score: Float[Tensor, " batch"]) -> dict[str, Tensor]:
        """As ``Calibration`` says it: see there."""
        population = torch.zeros_like(score, dtype=torch.int64)
        if self.populations > 1:
            population = self.detector.population.nearest(images)
        at_least = (self.ranked[population] >= score[:, None]).sum(1).double()
        count, threshold = self.counts[population].double(), self.thresholds[population]
        return {
            P_VALUE: (1.0 + at_least) / (count + 1.0),
            PERCENTILE: 100.0 * (count - at_least) / count,
            THRESHOLD: threshold,
            ABNORMAL: score > threshold,
            POPULATION: population,
        }
