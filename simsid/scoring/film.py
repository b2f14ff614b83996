"""From pixels to everything that may be said of a film: prepare, check, predict, judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from simsid.data.images import check_image
from simsid.detectors.base import Detector
from simsid.detectors.findings import ANOTHER, REFUSE, Finding
from simsid.detectors.weakness import weakness_in
from simsid.errors import ImageError
from simsid.prediction import Prediction
from simsid.scoring.verdicts import ANOTHER_POPULATION, verdict_of


@dataclass(frozen=True, eq=False)
class ScoredFilm:
    """What a model says of one film. Higher score = more abnormal.

    Attributes:
        image: (height, width) float32 in [0, 1], as the model sees the film.
        score: see ``simsid.prediction.Prediction``.
        percentile, p_value: the same among the calibration normals of the film's population; None
            for a film of another population, of which they would say nothing.
        verdict: 'normal', 'abnormal', 'undecided' or 'another population'.
        false_alarm_rate, num_normals: what the verdict stands on.
        rate_interval: within which the realised false-alarm rate lies with a probability of 90 %.
        population: which of the model's populations the film was compared with; '' where there is
            only one.
        normals: (num_normals,) scores of its calibration normals, ascending.
        threshold: a score above it is called abnormal; infinite where normals are too few.
        anomaly_map: (height, width) float32 in standard deviations of normals.
        regions: (rows, cols) float32, the same for each region of the grid.
        reconstruction: (height, width) float32 in [0, 1], or None when the model makes none.
        scores: every score of the model, by name.
        findings: doubts about the film as a whole; a film with any gets no verdict.
        weakness: what is wrong with the model itself, in words, where its default score was asked
            for; '' for a sound model. The verdict stands on a score that may see little.
        look: distance to its population, above 1 for another one; None where the model has no
            such check.
    """

    image: Float[np.ndarray, "height width"]
    score: float
    percentile: float | None
    p_value: float | None
    verdict: str
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
    weakness: str = ""

    @property
    def doubtful(self) -> bool:
        """Whether the film does not look like the model's training images."""
        return bool(self.findings)

    @property
    def of_another_population(self) -> bool:
        """Whether the film may be fine, but is not of the populations that were calibrated on."""
        return self.verdict == ANOTHER_POPULATION


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

    @classmethod
    def because(cls, error: ImageError) -> RefusedFilm:
        """A file that cannot be read, or pixels that cannot be scored."""
        return cls(error.code, str(error))


def score_film(
    detector: Detector,
    pixels: np.ndarray,
    score: str | None = None,
    accept_out_of_place: bool = False,
) -> ScoredFilm | RefusedFilm:
    """Score one film of any size; see :func:`score_films`.

    Args:
        pixels: (height, width), float in [0, 1] or uint8.
    """
    return score_films(detector, [pixels], score, accept_out_of_place)[0]


def score_films(
    detector: Detector,
    films: Sequence[np.ndarray],
    score: str | None = None,
    accept_out_of_place: bool = False,
    batch_size: int = 32,
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

    Raises:
        ValueError: an unknown score, or a detector that is not calibrated.
    """
    results: list[ScoredFilm | RefusedFilm] = []
    for start in range(0, len(films), batch_size):
        batch = films[start : start + batch_size]
        results += _score_batch(detector, batch, score, accept_out_of_place)
    return results


def score_prepared(
    detector: Detector, image: Float[np.ndarray, "height width"], score: str | None = None
) -> ScoredFilm | RefusedFilm:
    """Score one film that ``prepare_image`` made for this detector: what ``score_film`` says of it.

    For whoever keeps films at the model's size and scores them again, after a recalibration.
    """
    return _judge(detector, {0: image}, score, accept=False)[0]


def _score_batch(
    detector: Detector, films: Sequence[np.ndarray], score: str | None, accept: bool
) -> list[ScoredFilm | RefusedFilm]:
    results: dict[int, ScoredFilm | RefusedFilm] = {}
    images: dict[int, np.ndarray] = {}
    for index, pixels in enumerate(films):
        try:
            images[index] = prepare_image(detector, pixels)
        except ImageError as error:
            results[index] = RefusedFilm.because(error)
    results |= _judge(detector, images, score, accept)
    return [results[index] for index in range(len(films))]


def _judge(
    detector: Detector, images: dict[int, np.ndarray], score: str | None, accept: bool
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
        prediction = detector.predict(np.stack(list(images.values())), score, len(images))
        name = score or detector.score_names[0]
        looks = _looks(detector, np.stack(list(images.values())))
        for row, (index, image) in enumerate(images.items()):
            results[index] = _scored(
                detector, name, prediction, row, image, doubts[index], looks[row]
            )
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
) -> ScoredFilm:
    calibration, rebuilt = detector.calibration, prediction.reconstruction
    value = float(prediction.score[row])
    population = 0 if prediction.population is None else int(prediction.population[row])
    another = any(finding.severity == ANOTHER for finding in findings)
    verdict = verdict_of(calibration, name, value, bool(findings), population)
    return ScoredFilm(
        image=image,
        score=value,
        percentile=None if another else float(prediction.percentile[row]),
        p_value=None if another else float(prediction.p_value[row]),
        verdict=ANOTHER_POPULATION if another else verdict,
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
        weakness=weakness_told(detector) if name == detector.score_names[0] else "",
    )


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
    if image.dtype == np.uint8:
        image = image.astype(np.float32) / np.float32(255)
    image = image.astype(np.float32, copy=False)
    check_image(image)
    return detector.preprocessing.apply(image)


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
    checks = (detector.placement.findings(batch), detector.population.findings(batch))
    return [placed or of_another for placed, of_another in zip(*checks, strict=True)]
