"""From pixels to everything that may be said of a film: prepare, check, predict, judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from simsid.data.decode.pool import decode_untrusted
from simsid.data.images import check_image, read_bytes
from simsid.data.preprocess import Preprocessing
from simsid.detectors.base import Detector
from simsid.detectors.findings import REFUSE, Finding
from simsid.detectors.found_share import FoundShare
from simsid.detectors.recalibrated import (
    normals_of_own,
    normals_were_given,
    of_another_population,
)
from simsid.detectors.weakness import weakness_in
from simsid.errors import ImageError
from simsid.map_scale import map_scale
from simsid.prediction import Prediction
from simsid.scoring.choice import chosen_population, judged_by
from simsid.scoring.results import RefusedFilm, ScoredFilm

_AT_ONCE = 16  # films in one pass of a processor: what more of them need falls out of its caches


@dataclass(frozen=True, eq=False)
class PreparedFilm:
    """A stranger's film on its way to a model.

    Attributes:
        image: (height, width) float32 in [0, 1], as the model sees it; or why it gets no score.
        warnings: codes of what the decoder noticed, see ``simsid.data.decode.notes``.
        notes: the same in words.
    """

    image: Float[np.ndarray, "height width"] | RefusedFilm
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
        batch_size: films that are checked and scored together.
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
    """Score films that ``prepare_image`` made, together; a refused one stays in its place."""
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
    """Check and score prepared films."""
    results: dict[int, ScoredFilm | RefusedFilm] = {}
    images = dict(images)
    checked = dict(zip(images, check_films(detector, list(images.values())), strict=True))
    for index, (findings, _) in checked.items():
        refusal = next((each for each in findings if each.severity == REFUSE), None)
        if refusal is not None and not accept:
            results[index] = RefusedFilm(refusal.code, refusal.message, out_of_place=True)
            del images[index]
    if images:
        name = score or detector.score_names[0]
        size = _AT_ONCE if detector.device.type == "cpu" else len(images)
        told = detector.predict(np.stack(list(images.values())), score, size)
        prediction = judged_by(detector, name, told, chosen)
        like = np.zeros(len(images), np.int64) if told.population is None else told.population
        for row, (index, image) in enumerate(images.items()):
            findings, look = checked[index]
            film = _scored(detector, name, prediction, row, image, findings, look, int(like[row]))
            results[index] = film if chosen is None else replace(film, judged_as=film.population)
    return results


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
    judged = not findings and bool(np.isfinite(calibration.threshold(name, population)))
    return ScoredFilm(
        image=image,
        score=value,
        percentile=None if findings else float(prediction.percentile[row]),
        p_value=None if findings else float(prediction.p_value[row]),
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
        recalibrated=normals_were_given(detector, calibration.names[population]),
        looks_like=calibration.names[like],
        removed=calibration.removed,
        rate_confidence=calibration.confidence,
    )


def _found_at(detector: Detector, name: str, population: int) -> FoundShare | None:
    """What the threshold of this population found; None where it is not told, or told of another."""
    if name != detector.score_names[0] or population >= len(detector.found):
        return None
    found = detector.found[population]
    holds = found is not None and found.holds_for(detector.calibration, name, population)
    return found if holds else None


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


def prepare_file(preprocessing: Preprocessing, file: Path) -> PreparedFilm:
    """:func:`prepare_or_refuse` for a file of the disk."""
    return prepare_or_refuse(preprocessing, str(file), partial(read_bytes, file))


def prepare_or_refuse(
    preprocessing: Preprocessing, name: str, read: Callable[[], bytes]
) -> PreparedFilm:
    """Decode a stranger's film in a worker that this process shares, and prepare it.

    One that cannot be read costs no other its score: it is refused, and says why.

    Args:
        name: of the film; what decoders say of it names the last part.
        read: gives the bytes of its file; may raise ImageError or OSError.
    """
    try:
        film = decode_untrusted(read(), Path(name).name)
        return PreparedFilm(prepare_by(preprocessing, film.pixels), film.warnings, film.notes)
    except ImageError as error:
        return PreparedFilm(RefusedFilm.because(error))
    except OSError as error:
        return PreparedFilm(RefusedFilm("unreadable", f"{name}: {error.strerror or error}"))


def check_placement(
    detector: Detector, images: Sequence[np.ndarray] | np.ndarray
) -> list[list[Finding]]:
    """What is wrong with each image as a whole: out of place, or of another population.

    By features of the image, never by its anomaly score. A model that was saved without these
    checks, or was trained on too few normals for them, finds nothing.

    Args:
        images: (height, width) each, as ``prepare_image`` gives them.
    """
    return [findings for findings, _ in check_films(detector, images)]


def check_films(
    detector: Detector, images: Sequence[np.ndarray] | np.ndarray
) -> list[tuple[list[Finding], float | None]]:
    """Findings, and how far each film lies from the populations that the model knows, if any."""
    if len(images) == 0:
        return []
    batch = detector.as_batch(np.stack(list(images))).to(detector.device)
    look, looks = None, [None] * len(images)
    if detector.population.num_populations:
        look = detector.population.look(batch)
        looks = look.distances.amin(1).tolist()
    placed = detector.placement.findings(batch)
    of_another = of_another_population(detector, batch, look)
    findings = [here or other for here, other in zip(placed, of_another, strict=True)]
    return list(zip(findings, looks, strict=True))
