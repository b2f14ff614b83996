"""What is said of a film: its score and all around it, or why it has none."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from simsid.detectors.findings import Finding
from simsid.detectors.found_share import FoundShare
from simsid.errors import ImageError
from simsid.map_scale import MapScale
from simsid.scoring.body import body_mask
from simsid.scoring.verdicts import (
    ANOTHER_POPULATION,
    DEPRECATED,
    NOT_A_FILM,
    former_verdict,
    state_of,
)
from simsid.shares import in_percent

_SPREAD = 0.4  # of the body: colour on more of it points nowhere


@dataclass(frozen=True, eq=False)
class ScoredFilm:
    """What a model says of one film. Higher score = more abnormal.

    Attributes:
        image: (height, width) float32 in [0, 1], as the model sees the film.
        score: see ``simsid.prediction.Prediction``.
        percentile, p_value: the same among the calibration normals of the film's population; None
            for a film of another population or out of place, of which they would say nothing.
        false_alarm_rate, num_normals: what the verdict stands on.
        rate_interval: within which the realised false-alarm rate lies with a probability of 90 %.
        population: which of the model's populations the film was compared with; '' where there is
            only one.
        recalibrated: whether somebody gave its population's normals, so that training may have
            seen them.
        looks_like: which of them it looks most like: the same, unless another was chosen.
        judged_as: ``population`` where it was chosen for this film, '' where it was found from it.
        normals: (num_normals,) scores of its calibration normals, ascending.
        threshold: a score above it is called abnormal; infinite where normals are too few.
        anomaly_map: (height, width) float32 in standard deviations of normals, as the model gives
            it; ``shown_map`` is what is drawn.
        regions: (rows, cols) float32, the same for each region of the grid.
        reconstruction: (height, width) float32 in [0, 1], or None when the model makes none.
        scores: every score of the model, by name.
        findings: doubts about the film as a whole; a film with any gets no verdict.
        weakness: what is wrong with the model itself, in words, where its default score was asked
            for; '' for a sound model. The verdict stands on a score that may see little.
        look: distance to its population, above 1 for another one; None where the model has no
            such check.
        scale: the model's colour scale of maps.
        of_a_body: whether the map belongs on a body, with air around it: not so on digits.
        removed: highest scores of an archive without labels that were left out of ``normals`` as
            possibly abnormal: see ``p_value_at_most``.
        rate_confidence: with which probability the true rate keeps below the stated one; None where
            it holds on average.
        own_normals: how many normals of another source the model was recalibrated on; 0: none.
        found: what share of the abnormal films that this threshold judges it found, where the
            model's card says so; else None, and for a film without a verdict.
    """

    image: Float[np.ndarray, "height width"]
    score: float
    percentile: float | None
    p_value: float | None
    false_alarm_rate: float
    num_normals: int
    rate_interval: tuple[float, float]
    population: str
    normals: Float[np.ndarray, " num_normals"]
    threshold: float
    anomaly_map: Float[np.ndarray, "height width"]
    regions: Float[np.ndarray, "rows cols"]
    reconstruction: Float[np.ndarray, "height width"] | None
    scores: dict[str, float]
    findings: tuple[Finding, ...] = ()
    look: float | None = None
    scale: MapScale = field(default_factory=MapScale)
    of_a_body: bool = True
    found: FoundShare | None = None
    weakness: str = ""
    own_normals: int = 0
    recalibrated: bool = False
    looks_like: str = ""
    judged_as: str = ""
    removed: int = 0
    rate_confidence: float | None = None

    @property
    def state(self) -> str:
        """What the score means: one of ``simsid.scoring.STATES``.

        'nothing unusual found', 'borderline' or 'unusual'; or there is no verdict, since the film
        is of 'another population', is 'not a film for this model', or normals are too few.
        """
        return state_of(self.score, self.threshold, self.threshold_interval, self.findings)

    @property
    def verdict(self) -> str:
        """Deprecated, goes with the next version: what 0.1 called ``state``.

        'normal', 'abnormal', 'undecided' or 'another population'.
        """
        warnings.warn(DEPRECATED, DeprecationWarning, stacklevel=2)
        return self.former_verdict

    @property
    def former_verdict(self) -> str:
        """``verdict`` for tables and answers that carry it for one more version."""
        return former_verdict(self.state, self.score, self.threshold)

    @cached_property
    def threshold_interval(self) -> tuple[float, float]:
        """Between which scores the threshold may lie, as sure as ``rate_interval`` is.

        The scores that as many calibration normals pass as the highest and the lowest rate in that
        interval say.
        """
        low, high = self.rate_interval
        ends = np.quantile(self.normals, [1 - high, 1 - low])
        return min(float(ends[0]), self.threshold), max(float(ends[1]), self.threshold)

    @property
    def p_value_at_most(self) -> float | None:
        """``p_value``, had no film that was ``removed`` been abnormal: then each counts as higher.

        ``p_value`` itself holds if all of them were abnormal. Equal where none was removed.
        """
        if self.p_value is None:
            return None
        counted = round(
            self.p_value * (self.num_normals + 1)
        )  # those as high or higher, and itself
        return (counted + self.removed) / (self.num_normals + self.removed + 1)

    @cached_property
    def body(self) -> Float[np.ndarray, "height width"]:
        """Float in [0, 1]: 1 where the map may be coloured; everywhere on what is no body."""
        if not self.of_a_body:
            return np.ones(self.image.shape, np.float32)
        return body_mask(self.image)

    @cached_property
    def shown_map(self) -> Float[np.ndarray, "height width"]:
        """The map as every picture of it draws it: softly confined to the body."""
        return self.anomaly_map * self.body

    @cached_property
    def diffuse(self) -> str:
        """A sentence where no single place explains a score above the threshold; else ''."""
        if not self.score > self.threshold:
            return ""
        coloured = self.shown_map > self.scale.low
        share = float(coloured.sum()) / max(float((self.body > 0.5).sum()), 1.0)
        if not coloured.any():
            return (
                "Diffuse: no single place explains the score. Many regions are a little unusual, "
                "none of them enough to be coloured on the map."
            )
        if share > _SPREAD:
            return (
                "Diffuse: no single place explains the score. The map is coloured on "
                f"{in_percent(share, 0)} of the body."
            )
        return ""

    @property
    def doubtful(self) -> bool:
        """Whether the film does not look like the model's training images."""
        return bool(self.findings)

    @property
    def of_another_population(self) -> bool:
        """Whether the film may be fine, but is not of the populations that were calibrated on."""
        return self.state == ANOTHER_POPULATION


@dataclass(frozen=True)
class RefusedFilm:
    """A film that gets no score.

    Attributes:
        code: stable reason, for programs: that of an ``ImageError`` or of a ``Finding``.
        message: reason and remedy, for people.
        out_of_place: whether the film as a whole was refused, not its file or its pixels.
    """

    code: str
    message: str
    out_of_place: bool = False

    @property
    def state(self) -> str:
        """'not a film for this model', or '' for a file that cannot be read."""
        return NOT_A_FILM if self.out_of_place else ""

    @classmethod
    def because(cls, error: ImageError) -> RefusedFilm:
        """A file that cannot be read, or pixels that cannot be scored."""
        return cls(error.code, str(error))
