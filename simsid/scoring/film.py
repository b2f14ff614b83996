"""From pixels to everything that may be said of a film: prepare, check, predict, judge."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from simsid.data.images import check_image
from simsid.data.preprocess import Preprocessing
from simsid.detectors.base import Detector
from simsid.detectors.findings import ANOTHER, REFUSE, Finding
from simsid.detectors.found_share import FoundShare
from simsid.detectors.recalibration import normals_of_own
from simsid.detectors.weakness import weakness_in
from simsid.errors import ImageError
from simsid.map_scale import MapScale, map_scale
from simsid.prediction import Prediction
from simsid.scoring.body import body_mask
from simsid.scoring.choice import chosen_population, judged_by
from simsid.scoring.verdicts import (
    ANOTHER_POPULATION,
    DEPRECATED,
    NOT_A_FILM,
    former_verdict,
    state_of,
)

_SPREAD = 0.4  # of the body: colour on more of it points nowhere


@dataclass(frozen=True, eq=False)
class ScoredFilm:
    """What a model says of one film. Higher score = more abnormal.

    Attributes:
        image: (height, width) float32 in [0, 1], as the model sees the film.
        score: see ``simsid.prediction.Prediction``.
        percentile, p_value: the same among the calibration normals of the film's population; None
            for a film of another population, of which they would say nothing.
        false_alarm_rate, num_normals: what the verdict stands on.
        rate_interval: within which the realised false-alarm rate lies with a probability of 90 %.
        population: which of the model's populations the film was compared with; '' where there is
            only one.
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
    looks_like: str = ""
    judged_as: str = ""

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
                f"{100 * share:.0f} % of the body."
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


def score_film(
    detector: Detector,
    pixels: np.ndarray,
    score: str | None = None,
    accept_out_of_place: bool = False,
    population: str | None = None,
) -> ScoredFilm | RefusedFilm:
    """Score one film of any size; see :func:`score_films`.

    Args:
        pixels: (height, width), float in [0, 1] or uint8.
    """
    return score_films(detector, [pixels], score, accept_out_of_place, population=population)[0]


def score_films(
    detector: Detector,
    films: Sequence[np.ndarray],
    score: str | None = None,
    accept_out_of_place: bool = False,
    batch_size: int = 32,
    population: str | None = None,
) -> list[ScoredFilm | RefusedFilm]:
    """Score films of any size, each one prepared and checked first. Higher = more abnormal.

    A film that cannot be scored is a :class:`RefusedFilm` in its place and costs no other its
    score. Arithmetic rounds by the size of a batch: films that are scored one by one agree to the
    bit whatever else is scored.

    Args:
        films: (height, width) each, float in [0, 1] or uint8; sizes may differ.
        score: one of ``detector.score_names``; None for the default.
        accept_out_of_place: score films that the placement check refuses, with a finding.
        batch_size: films in one pass.
        population: whose normals judge these films, by name, where somebody who knows them says so;
            None finds it from each film. What is out of place or of another population stays so.

    Raises:
        ValueError: an unknown score, or a detector that is not calibrated.
        SimsidError: the model knows no such population.
    """
    results: list[ScoredFilm | RefusedFilm] = []
    for start in range(0, len(films), batch_size):
        batch = films[start : start + batch_size]
        prepared = [_prepare(detector, pixels) for pixels in batch]
        results += score_batch(detector, prepared, score, accept_out_of_place, population)
    return results


def score_prepared(
    detector: Detector,
    image: Float[np.ndarray, "height width"],
    score: str | None = None,
    population: str | None = None,
) -> ScoredFilm | RefusedFilm:
    """Score one film that ``prepare_image`` made for this detector: what ``score_film`` says of it.

    For whoever keeps films at the model's size and scores them again, after a recalibration.
    """
    return score_batch(detector, [image], score, population=population)[0]


def score_batch(
    detector: Detector,
    films: Sequence[np.ndarray | RefusedFilm],
    score: str | None = None,
    accept_out_of_place: bool = False,
    population: str | None = None,
) -> list[ScoredFilm | RefusedFilm]:
    """Score films that ``prepare_image`` made, in one pass; a refused one stays in its place."""
    chosen = chosen_population(detector, population)
    results = {i: film for i, film in enumerate(films) if isinstance(film, RefusedFilm)}
    images = {i: film for i, film in enumerate(films) if not isinstance(film, RefusedFilm)}
    judged = results | _judge(detector, images, score, accept_out_of_place, chosen)
    return [judged[index] for index in range(len(films))]


def _prepare(detector: Detector, pixels: np.ndarray) -> np.ndarray | RefusedFilm:
    try:
        return prepare_image(detector, pixels)
    except ImageError as error:
        return RefusedFilm.because(error)


def _judge(
    detector: Detector,
    images: dict[int, np.ndarray],
    score: str | None,
    accept: bool,
    chosen: int | None,
) -> dict[int, ScoredFilm | RefusedFilm]:
    """Check and score prepared films, in one pass."""
    results: dict[int, ScoredFilm | RefusedFilm] = {}
    images = dict(images)
    doubts = dict(zip(images, check_placement(detector, list(images.values())), strict=True))
    for index, findings in doubts.items():
        refusal = next((each for each in findings if each.severity == REFUSE), None)
        if refusal is not None and not accept:
            results[index] = RefusedFilm(refusal.code, refusal.message, out_of_place=True)
            del images[index]
    if images:
        name = score or detector.score_names[0]
        told = detector.predict(np.stack(list(images.values())), score, len(images))
        prediction = judged_by(detector, name, told, chosen)
        like = np.zeros(len(images), np.int64) if told.population is None else told.population
        looks = _looks(detector, np.stack(list(images.values())))
        for row, (index, image) in enumerate(images.items()):
            film = _scored(
                detector, name, prediction, row, image, doubts[index], looks[row], int(like[row])
            )
            results[index] = film if chosen is None else replace(film, judged_as=film.population)
    return results


def _looks(detector: Detector, images: np.ndarray) -> list[float | None]:
    """How far each film lies from the populations that the model knows."""
    if not detector.population.num_populations:
        return [None] * len(images)
    batch = detector.as_batch(images).to(detector.device)
    return list(detector.population.distances(batch).amin(1).tolist())


def _scored(
    detector: Detector,
    name: str,
    prediction: Prediction,
    row: int,
    image: np.ndarray,
    findings: Sequence[Finding],
    look: float | None,
    like: int,
) -> ScoredFilm:
    calibration, rebuilt = detector.calibration, prediction.reconstruction
    value = float(prediction.score[row])
    population = 0 if prediction.population is None else int(prediction.population[row])
    another = any(finding.severity == ANOTHER for finding in findings)
    judged = not findings and bool(np.isfinite(calibration.threshold(name, population)))
    return ScoredFilm(
        image=image,
        score=value,
        percentile=None if another else float(prediction.percentile[row]),
        p_value=None if another else float(prediction.p_value[row]),
        false_alarm_rate=calibration.false_alarm_rate,
        num_normals=calibration.num_normals_of(population),
        rate_interval=calibration.rate_interval(population),
        population=calibration.names[population],
        normals=calibration.reference(name, population),
        threshold=calibration.threshold(name, population),
        anomaly_map=prediction.anomaly_map[row, 0],
        regions=prediction.regions[row],
        reconstruction=None if rebuilt is None else rebuilt[row, 0],
        scores={key: float(values[row]) for key, values in prediction.scores.items()},
        findings=tuple(findings),
        look=look,
        scale=map_scale(detector),
        of_a_body=not _shows_digits(detector),
        found=_found_at(detector, name, population) if judged and like == population else None,
        weakness=weakness_told(detector) if name == detector.score_names[0] else "",
        own_normals=normals_of_own(detector),
        looks_like=calibration.names[like],
    )


def _found_at(detector: Detector, name: str, population: int) -> FoundShare | None:
    """What the threshold of this population found; None where it is not told, or told of another."""
    if name != detector.score_names[0] or population >= len(detector.found):
        return None
    found = detector.found[population]
    return found if found is not None and found.holds_for(detector.calibration, name) else None


def _shows_digits(detector: Detector) -> bool:
    """Whether the images are cells of a grid, as DigitAnatomy's: black ground is part of them."""
    data = detector.facts.get("data")
    return isinstance(data, dict) and bool(data.get("grid_size"))


def weakness_told(detector: Detector) -> str:
    """What training found wrong with a model's default score; nothing for a sound model."""
    found = weakness_in(detector.facts, detector.score_names)
    return "" if found is None else found.message


def prepare_image(detector: Detector, image: np.ndarray) -> Float[np.ndarray, "height width"]:
    """A film of any size as ``detector.predict`` takes it: checked, windowed, fitted, resized.

    Args:
        image: (height, width), float in [0, 1] or uint8.

    Raises:
        ImageError: too small, constant, not finite or out of range.
    """
    return prepare_by(detector.preprocessing, image)


def prepare_by(
    preprocessing: Preprocessing, image: np.ndarray
) -> Float[np.ndarray, "height width"]:
    """The same for whoever has no detector at hand, only its preprocessing."""
    if image.dtype == np.uint8:
        image = image.astype(np.float32) / np.float32(255)
    image = image.astype(np.float32, copy=False)
    check_image(image)
    return preprocessing.apply(image)


def check_placement(
    detector: Detector, images: Sequence[np.ndarray] | np.ndarray
) -> list[list[Finding]]:
    """What is wrong with each image as a whole: out of place, or of another population.

    By features of the image, never by its anomaly score. A model that was saved without these
    checks, or was trained on too few normals for them, finds nothing.

    Args:
        images: (height, width) each, as ``prepare_image`` gives them.
    """
    if len(images) == 0:
        return []
    batch = detector.as_batch(np.stack(list(images))).to(detector.device)
    another = detector.population.findings(batch, normals_of_own(detector))
    checks = (detector.placement.findings(batch), another)
    return [placed or of_another for placed, of_another in zip(*checks, strict=True)]
