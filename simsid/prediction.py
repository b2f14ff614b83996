"""What every detector gives, and what it promises: a leaf that everyone may import.

Borders are NumPy: images (height, width) float32 in [0, 1]; scores where higher = more abnormal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Prediction:
    """Scores and maps of a batch of images. Higher = more abnormal, always.

    Attributes:
        score: (batch,) float64, the detector's default score unless another was asked for.
        anomaly_map: (batch, 1, height, width) float32 in standard deviations of normals, on a
            scale fixed by normals and never by the image at hand.
        regions: (batch, rows, cols) float32, the same for each region of the grid.
        p_value: (batch,) conformal p-value, (1 + #{calibration >= score}) / (n + 1).
        percentile: (batch,) share of calibration normals below the score, in percent.
        reconstruction: (batch, 1, height, width) float32 in [0, 1], or None.
        scores: every named score, each (batch,); contains ``score``.
        population: (batch,) int, whose calibration normals each film was compared with.
    """

    score: Float[np.ndarray, " batch"]
    anomaly_map: Float[np.ndarray, "batch 1 height width"]
    regions: Float[np.ndarray, "batch rows cols"]
    p_value: Float[np.ndarray, " batch"]
    percentile: Float[np.ndarray, " batch"]
    reconstruction: Float[np.ndarray, "batch 1 height width"] | None = None
    scores: dict[str, Float[np.ndarray, " batch"]] = field(default_factory=dict)
    population: Int[np.ndarray, " batch"] | None = None

    def __len__(self) -> int:
        return len(self.score)

    @staticmethod
    def concatenate(parts: Sequence[Prediction]) -> Prediction:
        """One prediction from several batches, in order.

        Raises:
            ValueError: ``parts`` is empty.
        """
        if not parts:
            raise ValueError("nothing to concatenate: the list of predictions is empty")
        populations = [part.population for part in parts if part.population is not None]
        rebuilt = [part.reconstruction for part in parts if part.reconstruction is not None]
        return Prediction(
            score=np.concatenate([part.score for part in parts]),
            anomaly_map=np.concatenate([part.anomaly_map for part in parts]),
            regions=np.concatenate([part.regions for part in parts]),
            p_value=np.concatenate([part.p_value for part in parts]),
            percentile=np.concatenate([part.percentile for part in parts]),
            reconstruction=np.concatenate(rebuilt) if rebuilt else None,
            scores={
                name: np.concatenate([part.scores[name] for part in parts])
                for name in parts[0].scores
            },
            population=np.concatenate(populations) if populations else None,
        )
