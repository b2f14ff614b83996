"""From a score to how rare it is among normals: conformal p-values and thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

DEFAULT_FALSE_ALARM_RATE = 0.05
MAP_QUANTILES = (0.5, 0.99)


@dataclass(frozen=True)
class Calibration:
    """Scores of calibration normals: films that training never saw, none of them abnormal.

    Attributes:
        scores: for each named score, the (n,) values, ascending.
        false_alarm_rate: share of normals that the threshold lets be called abnormal.
        map_quantiles: median and 99 % quantile of all pixels of these normals' fused anomaly
            maps: what the colour scale of every map is made from.
    """

    scores: dict[str, Float[np.ndarray, " n"]]
    false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE
    map_quantiles: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.false_alarm_rate < 1:
            raise ValueError(f"false_alarm_rate must lie in (0, 1), not {self.false_alarm_rate}")
        ordered = {name: np.sort(np.asarray(v, np.float64)) for name, v in self.scores.items()}
        for name, values in ordered.items():
            if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
                raise ValueError(f"calibration scores of '{name}' are empty or not finite numbers")
        if len({len(values) for values in ordered.values()}) != 1:
            raise ValueError("calibration scores differ in number")
        if self.map_quantiles is not None and not np.isfinite(self.map_quantiles).all():
            raise ValueError("map_quantiles must be finite")
        object.__setattr__(self, "scores", ordered)

    @property
    def num_normals(self) -> int:
        """Calibration normals: the length of each of ``scores``."""
        return len(next(iter(self.scores.values())))

    def p_value(self, name: str, score: Float[np.ndarray, " batch"]) -> Float[np.ndarray, " batch"]:
        """Conformal p-value in [1 / (n + 1), 1]: (1 + #{calibration >= score}) / (n + 1).

        Under exchangeability P(p <= a) <= a for a new normal film. Source: Vovk et al. 2005.
        """
        reference = self.scores[name]
        at_least = len(reference) - np.searchsorted(reference, score, side="left")
        return (1.0 + at_least) / (len(reference) + 1.0)

    def percentile(
        self, name: str, score: Float[np.ndarray, " batch"]
    ) -> Float[np.ndarray, " batch"]:
        """Share of calibration normals strictly below the score, in percent, in [0, 100]."""
        reference = self.scores[name]
        return 100.0 * np.searchsorted(reference, score, side="left") / len(reference)

    def threshold(self, name: str) -> float:
        """The smallest calibration score s such that a score above s has p <= false_alarm_rate.

        Infinite when there are too few normals to support the rate (n + 1 < 1 / rate): then no
        film can be called abnormal, and callers should say so.
        """
        reference = self.scores[name]
        allowed = int(np.floor(self.false_alarm_rate * (len(reference) + 1) + 1e-9)) - 1
        if allowed < 0:
            return float("inf")
        return float(reference[len(reference) - 1 - allowed])

    def is_abnormal(self, name: str, score: Float[np.ndarray, " batch"]) -> np.ndarray:
        """Verdict for each score: p-value at most the false-alarm rate."""
        return self.p_value(name, score) <= self.false_alarm_rate + 1e-12

    def to_json(self) -> dict:
        """Strict JSON; thresholds are told for readers, an infinite one is None."""
        return {
            "false_alarm_rate": self.false_alarm_rate,
            "num_normals": self.num_normals,
            "map_quantiles": self.map_quantiles,
            "thresholds": {name: _finite_or_none(self.threshold(name)) for name in self.scores},
            "scores": {name: values.tolist() for name, values in self.scores.items()},
        }

    @classmethod
    def from_json(cls, content: dict) -> Calibration:
        """From what ``to_json`` gave; thresholds are worked out anew.

        Raises:
            KeyError: 'scores', 'false_alarm_rate' or 'map_quantiles' is missing.
            ValueError: a rate outside (0, 1), or scores that are empty, unequal in number or not
                finite.
        """
        scores = {name: np.asarray(values) for name, values in content["scores"].items()}
        quantiles = content["map_quantiles"]
        return cls(
            scores,
            float(content["false_alarm_rate"]),
            None if quantiles is None else (float(quantiles[0]), float(quantiles[1])),
        )


def _finite_or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
