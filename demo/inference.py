"""The border between the page and the models: bytes in, arrays and numbers out. Knows no page.

Every film is scored alone, so that page, API and Python agree to the bit whatever else is scored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from demo.accelerator import on_gpu, place
from demo.pictures import png_bytes
from demo.shelf import ModelShelf
from demo.words import SCORED, finding_in_words, note_in_words, remedy_for
from simsid.data.decode.worker import DecodingWorker
from simsid.detectors import Detector
from simsid.detectors.contract import Explanation
from simsid.detectors.placement import REFUSE
from simsid.errors import ImageError
from simsid.map_scale import MapScale, map_scale
from simsid.scoring import check_placement, prepare_image, score_images, verdicts

MAX_PIXELS = 50_000_000
_GPU_SECONDS = 15  # most of it for the first call of a process; a film takes far less than one
_NEUTRAL_NAME = "the file"  # what stands in messages: never the visitor's file name


@dataclass(frozen=True)
class Film:
    """A film as the model sees it; small, and all that is kept of an upload.

    Attributes:
        model: name of the model that it was prepared for.
        pixels: (height, width) uint8 at the model's size; dividing by 255 gives the exact input.
        notes: what the visitor should know, in words: doubts about the file or its placement.
        doubtful: whether it does not look like the model's training images: it gets no verdict.
    """

    model: str
    pixels: UInt8[np.ndarray, "height width"]
    notes: tuple[str, ...] = ()
    doubtful: bool = False

    @property
    def image(self) -> Float[np.ndarray, "height width"]:
        """float32 in [0, 1]."""
        return self.pixels.astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class FilmResult:
    """What is said of one film. Higher score = more abnormal.

    Attributes:
        status: 'ok', or the stable code of why there is no score.
        message: reason and remedy of a refusal, or notes on a film that was scored.
        model, commit: what looked at it; a bundled model has no commit, an unread file neither.
        film: as the model sees it; None when refused, and so is everything below.
        score, percentile, p_value: see ``simsid.prediction.Prediction``.
        verdict: 'normal', 'abnormal' or 'undecided'.
        false_alarm_rate, num_normals: what the verdict stands on.
        anomaly_map: (height, width) in standard deviations of normals.
        regions: (rows, cols) likewise.
        reconstruction: (height, width) in [0, 1], or None when the model makes none.
    """

    status: str
    message: str
    model: str | None = None
    commit: str | None = None
    film: Film | None = None
    score: float | None = None
    percentile: float | None = None
    p_value: float | None = None
    verdict: str | None = None
    false_alarm_rate: float | None = None
    num_normals: int | None = None
    anomaly_map: Float[np.ndarray, "height width"] | None = None
    regions: Float[np.ndarray, "rows cols"] | None = None
    reconstruction: Float[np.ndarray, "height width"] | None = None


class Inference:
    """The models of a shelf, and a limited process that decodes. Thread-safe.

    Args:
        shelf: models by name; by default the bundled ones.
    """

    def __init__(self, shelf: ModelShelf | None = None) -> None:
        self.shelf = shelf or ModelShelf()
        self._worker = DecodingWorker()
        self.score_film = on_gpu(self.score_film, _GPU_SECONDS)
        self.explain = on_gpu(self.explain, _GPU_SECONDS)

    def models(self) -> list[str]:
        """Names that visitors may choose from; no other name and no path is ever opened."""
        return self.shelf.names()

    def detector(self, model: str) -> Detector:
        """The model of this name, calibrated.

        Raises:
            ModelFolderError: not one of ``models``, or damaged.
        """
        return place(self.shelf.detector(model))

    def scale(self, model: str) -> MapScale:
        """The fixed colour scale of a model's maps."""
        return map_scale(self.detector(model))

    def is_synthetic(self, model: str) -> bool:
        """Whether the model was trained on DigitAnatomy, so that examples can be made for it."""
        data = self.detector(model).facts.get("data")
        return isinstance(data, dict) and data.get("name") == "digitanatomy"

    def score_bytes(self, data: bytes, model: str) -> FilmResult:
        """Decode a stranger's file in the limited process and score it; a refusal is a result."""
        try:
            decoded = self._worker.decode(data, _NEUTRAL_NAME, MAX_PIXELS)
            notes = tuple(note_in_words(code) for code in decoded.warnings)
            return self.score_array(decoded.pixels, model, notes)
        except ImageError as error:
            return self._by(model, refusal(error))

    def score_array(self, image: np.ndarray, model: str, notes: tuple[str, ...] = ()) -> FilmResult:
        """Score (height, width) float in [0, 1] or uint8; a refusal is a result."""
        detector = self.detector(model)
        try:
            prepared = prepare_image(detector, image)
        except ImageError as error:
            return self._by(model, refusal(error))
        findings = check_placement(detector, prepared[None])[0]
        for finding in findings:
            if finding.severity == REFUSE:
                words = finding_in_words(finding.message)
                return self._by(model, FilmResult(finding.code, words))
        notes = (*notes, *(finding_in_words(finding.message) for finding in findings))
        pixels = np.round(prepared * 255).astype(np.uint8)
        return self.score_film(Film(model, pixels, notes, doubtful=bool(findings)))

    def score_film(self, film: Film) -> FilmResult:
        """Score a film that was prepared before."""
        detector = self.detector(film.model)
        # Already at the model's size and windowed: predict takes it as it is.
        prediction = detector.predict(film.image[None])
        rebuilt = prediction.reconstruction
        result = FilmResult(
            status=SCORED,
            message="; ".join(film.notes),
            film=film,
            score=float(prediction.score[0]),
            percentile=float(prediction.percentile[0]),
            p_value=float(prediction.p_value[0]),
            verdict=verdicts(detector, prediction, doubtful=[film.doubtful])[0],
            false_alarm_rate=detector.calibration.false_alarm_rate,
            num_normals=detector.calibration.num_normals,
            anomaly_map=prediction.anomaly_map[0, 0],
            regions=prediction.regions[0],
            reconstruction=None if rebuilt is None else rebuilt[0, 0],
        )
        return self._by(film.model, result)

    def _by(self, model: str, result: FilmResult) -> FilmResult:
        return replace(result, model=model, commit=self.shelf.commit(model))

    def explain(self, film: Film, row: int, col: int) -> Explanation:
        """Why a region scored as it did.

        Raises:
            SimsidError: the model has no memory to explain with.
            ValueError: no such region.
        """
        return self.detector(film.model).explain(film.image, (row, col))

    def warm_up(self) -> None:
        """Do once what the first visitor would wait for: open a model, start the decoder."""
        model = self.shelf.default
        size = self.detector(model).image_size
        noise = np.random.default_rng(0).random(size, np.float32)
        score_images(self.detector(model), [noise])
        self._worker.decode(png_bytes(noise), _NEUTRAL_NAME)

    def close(self) -> None:
        """Stop the decoding process, and fetching models; the next film would start another."""
        self.shelf.close()
        self._worker.close()


def refusal(error: ImageError) -> FilmResult:
    """A file that gets no score, with the reason and the remedy."""
    return FilmResult(error.code, f"{error}. {remedy_for(error.code)}")
