"""From a score to how rare it is among normals: conformal p-values, thresholds, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from simsid.data.rates import USUAL_RATE
from simsid.errors import SimsidError

DEFAULT_FALSE_ALARM_RATE = USUAL_RATE
MAP_QUANTILES = (0.5, 0.99)
INTERVAL = 0.9  # probability that the realised rate lies in the interval that is told
_TIE = 2e-5  # of the normals' standard deviation; rounding moved films' scores by 5e-6 of it
_NO_NAME = ""


def check_rates(false_alarm_rate: float | None, confidence: float | None) -> None:
    """Refuse a rate that is no share of normals, and a confidence that promises nothing.

    Args:
        false_alarm_rate: of ``--false-alarm-rate``. confidence: of ``--rate-confidence``; None of
            either is always fine.

    Raises:
        SimsidError: one of them cannot be.
    """
    if false_alarm_rate is not None and not 0 < false_alarm_rate < 1:
        raise SimsidError(
            f"--false-alarm-rate must lie between 0 and 1, not {false_alarm_rate}: 0.05 is 5 %"
        )
    if confidence is not None and not 0.5 < confidence < 1:
        raise SimsidError(
            f"--rate-confidence must lie between 0.5 and 1, as 0.9, not {confidence}; leave it "
            "out for a rate that holds on average"
        )


@dataclass(frozen=True)
class Calibration:
    """Scores of calibration normals: films that training never saw, none of them abnormal.

    Where the normals are of several populations, each film is compared with those of its own
    (Mondrian conformal prediction, Vovk et al. 2005, chapter 4): the rate then holds within each
    population, not only over their mixture.

    Attributes:
        scores: for each named score, the (n,) values; ascending within each population, one
            population after the other.
        false_alarm_rate: share of normals that the threshold lets be called abnormal.
        map_quantiles: median and 99 % quantile of all pixels of these normals' fused anomaly
            maps: what the colour scale of every map is made from.
        populations: the population of each of ``scores``' values, 0 to count - 1, ascending; None:
            all are of one.
        names: of the populations.
        confidence: None sets the threshold so that the rate holds on average over calibrations.
            0.9 sets it lower in rank, so that the rate holds with this probability, as long as
            those ``removed`` were all abnormal.
        looks: (n,) distance of each normal to its population, see ``PopulationCheck``, in the order
            of ``scores``' populations; None where there is no such check.
        removed: highest scores that were left out of an archive that may hold abnormal films.
    """

    scores: dict[str, Float[np.ndarray, " n"]]
    false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE
    map_quantiles: tuple[float, float] | None = None
    populations: Int[np.ndarray, " n"] | None = None
    names: tuple[str, ...] = (_NO_NAME,)
    confidence: float | None = None
    looks: Float[np.ndarray, " n"] | None = None
    removed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.false_alarm_rate < 1:
            raise ValueError(f"false_alarm_rate must lie in (0, 1), not {self.false_alarm_rate}")
        if self.confidence is not None and not 0 < self.confidence < 1:
            raise ValueError(f"confidence must lie in (0, 1), not {self.confidence}")
        if self.map_quantiles is not None and not np.isfinite(self.map_quantiles).all():
            raise ValueError("map_quantiles must be finite")
        values = {name: np.asarray(v, np.float64) for name, v in self.scores.items()}
        for name, own in values.items():
            if own.ndim != 1 or len(own) == 0 or not np.isfinite(own).all():
                raise ValueError(f"calibration scores of '{name}' are empty or not finite numbers")
        if len({len(own) for own in values.values()}) != 1:
            raise ValueError("calibration scores differ in number")
        count = len(next(iter(values.values())))
        populations = np.zeros(count, np.int64)
        if self.populations is not None:
            populations = np.asarray(self.populations, np.int64)
        if len(populations) != count or set(populations.tolist()) != set(range(len(self.names))):
            raise ValueError(
                "each population needs calibration normals, and each of them a population"
            )
        ordered = {name: own[np.lexsort((own, populations))] for name, own in values.items()}
        if self.looks is not None:
            looks = np.asarray(self.looks, np.float64)
            if len(looks) != count or not np.isfinite(looks).all():
                raise ValueError("looks must be a finite number for each calibration normal")
            object.__setattr__(self, "looks", looks[np.lexsort((looks, populations))])
        object.__setattr__(self, "scores", ordered)
        object.__setattr__(self, "populations", np.sort(populations))

    @property
    def num_normals(self) -> int:
        """Calibration normals of all populations: the length of each of ``scores``."""
        return len(next(iter(self.scores.values())))

    def num_normals_of(self, population: int = 0) -> int:
        """Calibration normals of one population."""
        return int(self._own(population).sum())

    def reference(self, name: str, population: int = 0) -> Float[np.ndarray, " n"]:
        """The scores of one population's calibration normals, ascending."""
        return self.scores[name][self._own(population)]

    def spread(self, name: str, population: int = 0) -> float:
        """Standard deviation of the scores of one population's calibration normals.

        That of all together would hold how far the populations lie apart.
        """
        return float(np.std(self.reference(name, population)))

    def looks_of(self, population: int = 0) -> Float[np.ndarray, " n"] | None:
        """The ``looks`` of one population's calibration normals, ascending."""
        return None if self.looks is None else self.looks[self._own(population)]

    def p_value(
        self,
        name: str,
        score: Float[np.ndarray, " batch"],
        population: Int[np.ndarray, " batch"] | None = None,
    ) -> Float[np.ndarray, " batch"]:
        """Conformal p-value in [1 / (n + 1), 1]: (1 + #{calibration >= score}) / (n + 1).

        Under exchangeability P(p <= a) <= a for a new normal film. Source: Vovk et al. 2005. Scores
        up to ``tie`` above a calibration score are equal to it: a film scored again, in other
        company or by another version, differs by rounding, and would lose its own rank. It can
        raise p alone, so that the bound stays. ``threshold`` lies higher by as much.

        Args:
            population: of each film; None for the first.
        """
        at_least, count = self._at_least(name, score, population)
        return (1.0 + at_least) / (count + 1.0)

    def tie(self, name: str, population: int = 0) -> float:
        """How far a score may lie above a calibration score and still count as equal to it."""
        return _TIE * self.spread(name, population)

    def ranked(self, name: str, population: int = 0) -> Float[np.ndarray, " n"]:
        """``reference`` with ``tie`` added: up to which scores each of them counts as as high."""
        return self.reference(name, population) + self.tie(name, population)

    def percentile(
        self,
        name: str,
        score: Float[np.ndarray, " batch"],
        population: Int[np.ndarray, " batch"] | None = None,
    ) -> Float[np.ndarray, " batch"]:
        """Share of its population's calibration normals below the score, ties left out, in percent."""
        at_least, count = self._at_least(name, score, population)
        return 100.0 * (count - at_least) / count

    def threshold(self, name: str, population: int = 0) -> float:
        """The score above which a film is called abnormal: one of ``ranked``.

        So a score lies above it where its p-value is within the rate, and nowhere else; with a
        ``confidence`` only where it is clearly within. Infinite when there are too few normals to
        support the rate (n + 1 < 1 / rate): then no film can be called abnormal, and callers
        should say so.
        """
        return self._normal_at_rank(self.ranked(name, population))

    def _normal_at_rank(self, ascending: Float[np.ndarray, " n"]) -> float:
        rank = self._rank(len(ascending))
        return float(ascending[len(ascending) - rank]) if rank else float("inf")

    def rank_of(self, population: int = 0) -> int:
        """Which of a population's normals, from the largest down, is its threshold; 0: none is."""
        return self._rank(self.num_normals_of(population))

    def is_abnormal(
        self,
        name: str,
        score: Float[np.ndarray, " batch"],
        population: Int[np.ndarray, " batch"] | None = None,
    ) -> np.ndarray:
        """Verdict for each score: whether it lies above its population's threshold."""
        score = np.asarray(score)
        thresholds = np.array([self.threshold(name, i) for i in range(len(self.names))])
        return score > thresholds[self._given(score, population)]

    def rate_interval(self, population: int = 0) -> tuple[float, float]:
        """Within which the realised false-alarm rate lies, with a probability of 90 %.

        Over draws of n exchangeable calibration normals, the share of new normals above the
        threshold, which is the k-th largest of them, follows Beta(k, n + 1 - k). (0, 1) where too
        few normals support the rate. Where the highest scores of an archive were removed, the
        interval reaches from 'all of them were abnormal' to 'none was'. Source: Vovk 2012,
        conditional validity; Angelopoulos and Bates 2023, section 3.2.
        """
        count = self.num_normals_of(population)
        rank = self.rank_of(population)
        if not rank:
            return 0.0, 1.0
        beyond = (1 - INTERVAL) / 2
        low = special.betaincinv(rank, count + 1 - rank, beyond)
        high = special.betaincinv(rank + self.removed, count + 1 - rank, 1 - beyond)
        return float(low), float(high)

    def held_with(self, population: int = 0) -> float:
        """Probability, over draws of the calibration normals, that the true rate keeps below the stated.

        0 where too few normals support the rate. Where the highest scores of an archive were
        removed, it is the least that it can be: that of 'none of them was abnormal', in which case
        the threshold lies lower among normals than its rank says; ``held_with_at_most`` is the
        other end. Source: as ``rate_interval``.
        """
        return self._held(population, self.removed)

    def held_with_at_most(self, population: int = 0) -> float:
        """The same probability, had all the removed films been abnormal."""
        return self._held(population, 0)

    def _held(self, population: int, normals_above: int) -> float:
        count = self.num_normals_of(population)
        rank = self.rank_of(population)
        if not rank:
            return 0.0
        return float(special.betainc(rank + normals_above, count + 1 - rank, self.false_alarm_rate))

    def _own(self, population: int) -> np.ndarray:
        return np.asarray(self.populations) == population

    def _rank(self, count: int) -> int:
        """Which of ``count`` normals, from the largest down, is the threshold; 0: none is."""
        rank = int(np.floor(self.false_alarm_rate * (count + 1) + 1e-9))
        while self.confidence is not None and rank:
            if special.betaincinv(rank, count + 1 - rank, self.confidence) <= self.false_alarm_rate:
                break
            rank -= 1
        return rank

    def _at_least(
        self, name: str, score: np.ndarray, population: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """How many calibration normals score as high or higher, of how many; see ``p_value``."""
        score = np.asarray(score, np.float64)
        population = self._given(score, population)
        at_least, count = np.zeros(len(score), np.int64), np.zeros(len(score), np.int64)
        for index in range(len(self.names)):
            own, ranked = population == index, self.ranked(name, index)
            at_least[own] = len(ranked) - np.searchsorted(ranked, score[own], side="left")
            count[own] = len(ranked)
        return at_least, count

    def _given(self, score: np.ndarray, population: np.ndarray | None) -> np.ndarray:
        return np.zeros(len(score), np.int64) if population is None else np.asarray(population)

    def to_json(self) -> dict[str, Any]:
        """Strict JSON. The calibration scores that thresholds are set at, without ``tie``, are told
        for readers; where there are too few it is None."""
        content: dict[str, Any] = {
            "false_alarm_rate": self.false_alarm_rate,
            "num_normals": self.num_normals,
            "map_quantiles": self.map_quantiles,
            "thresholds": self._thresholds_told(0),
            "scores": {name: values.tolist() for name, values in self.scores.items()},
        }
        if self.confidence is not None:
            content["confidence"] = self.confidence
        if self.looks is not None:
            content["looks"] = self.looks.tolist()
        if self.removed:
            content["removed"] = self.removed
        if self.names != (_NO_NAME,):
            content["populations"] = [
                {
                    "name": population,
                    "num_normals": self.num_normals_of(index),
                    "thresholds": self._thresholds_told(index),
                }
                for index, population in enumerate(self.names)
            ]
        return content

    def _thresholds_told(self, population: int) -> dict[str, float | None]:
        told = {
            each: self._normal_at_rank(self.reference(each, population)) for each in self.scores
        }
        return {each: value if np.isfinite(value) else None for each, value in told.items()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Calibration:
        """From what ``to_json`` gave; thresholds are worked out anew.

        Raises:
            KeyError: 'scores', 'false_alarm_rate' or 'map_quantiles' is missing.
            ValueError: a rate outside (0, 1), or scores that are empty, unequal in number or not
                finite, or populations that do not fit them.
        """
        scores = {name: np.asarray(values) for name, values in content["scores"].items()}
        quantiles = content["map_quantiles"]
        told = content.get("populations") or []
        counts = [int(each["num_normals"]) for each in told]
        if told and (min(counts) < 1 or sum(counts) != len(next(iter(scores.values())))):
            raise ValueError("populations do not add up to the calibration scores")
        confidence = content.get("confidence")
        return cls(
            scores,
            float(content["false_alarm_rate"]),
            None if quantiles is None else (float(quantiles[0]), float(quantiles[1])),
            np.repeat(np.arange(len(counts)), counts) if told else None,
            tuple(str(each["name"])[:80] for each in told) or (_NO_NAME,),
            None if confidence is None else float(confidence),
            None if content.get("looks") is None else np.asarray(content["looks"]),
            int(content.get("removed", 0)),
        )
