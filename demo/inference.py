"""The border between the page and the models: bytes in, arrays and numbers out. Knows no page.

Every film is scored alone, so that page, API and Python agree to the bit whatever else is scored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from demo.accelerator import on_gpu, place
from demo.kept import KeptFilm, belongs_to, keep
from demo.own_normals import OwnNormals, learn, usable, with_own
from demo.pictures import png_bytes
from demo.shelf import ModelShelf
from demo.words import SCORED, finding_in_words, remedy_for
from simsid.data.decode.worker import DecodingWorker
from simsid.detectors import Detector
from simsid.detectors.contract import Explanation
from simsid.detectors.findings import ANOTHER, Finding
from simsid.errors import ImageError, SimsidError
from simsid.scoring import RefusedFilm, ScoredFilm, score_film, score_prepared

MAX_PIXELS = 50_000_000
_GPU_SECONDS = 15  # most of it for the first call of a process; a film takes far less than one
_NEUTRAL_NAME = "the file"  # what stands in messages: never the visitor's file name


@dataclass(frozen=True)
class Answer:
    """What a model of the page says of a film; small, and all that is kept of an upload.

    Attributes:
        film: scored or refused, see ``simsid.scoring``.
        model, commit: what looked at it; a bundled model has no commit, an unread file neither.
        notes: what the visitor should know of the file, in words.
        kept: the film itself at the models' sizes, to be scored again; None for programs.
        own_normals: of how many films of the visitor's own the verdict stands; 0: of none.
        drop: which upload it came with: by it the visitor's browser finds the film's name, which
            it keeps to itself.
    """

    film: ScoredFilm | RefusedFilm
    model: str = ""
    commit: str | None = None
    notes: tuple[str, ...] = ()
    kept: KeptFilm | None = None
    own_normals: int = 0
    drop: str = ""

    @property
    def status(self) -> str:
        """'ok', or the stable code of why there is no score."""
        return self.film.code if isinstance(self.film, RefusedFilm) else SCORED

    @property
    def message(self) -> str:
        """Reason and remedy of a refusal, or notes on a film that was scored."""
        film = self.film
        if isinstance(film, ScoredFilm):
            return self._said(film.findings)
        if film.out_of_place:
            return "; ".join([finding_in_words(film), *self.notes])
        return f"{film.message}. {remedy_for(film.code)}"

    @property
    def note(self) -> str:
        """``message`` for a reader of ``basis``, which says itself that a film is of others."""
        if not isinstance(self.film, ScoredFilm):
            return self.message
        return self._said([each for each in self.film.findings if each.severity != ANOTHER])

    def _said(self, findings: Sequence[Finding]) -> str:
        weakness = self.film.weakness if isinstance(self.film, ScoredFilm) else ""
        weak = [f"this model is weak: {weakness}"] if weakness else []
        return "; ".join([*self.notes, *map(finding_in_words, findings), *weak])


class Inference:
    """The models of a shelf, and a limited process that decodes. Thread-safe.

    Args:
        shelf: models by name; by default the bundled ones.
    """

    def __init__(self, shelf: ModelShelf | None = None) -> None:
        self.shelf = shelf or ModelShelf()
        self._worker = DecodingWorker()
        self._score = on_gpu(self._score_here, _GPU_SECONDS)
        self._score_kept = on_gpu(self._score_kept_here, _GPU_SECONDS)
        self.explain = on_gpu(self._explain_here, _GPU_SECONDS)

    def models(self) -> list[str]:
        """Names that visitors may choose from; no other name and no path is ever opened."""
        return self.shelf.names()

    def detector(self, model: str) -> Detector:
        """The model of this name, calibrated.

        Raises:
            ModelFolderError: not one of ``models``, or damaged.
        """
        return place(self.shelf.detector(model))

    def is_synthetic(self, model: str) -> bool:
        """Whether the model was trained on DigitAnatomy, so that examples can be made for it."""
        data = self.detector(model).facts.get("data")
        return isinstance(data, dict) and data.get("name") == "digitanatomy"

    def populations(self, model: str, own: OwnNormals | None = None) -> tuple[str, ...]:
        """Whose normals can be chosen to judge a film; none where there is only one population."""
        own = own if own is not None and own.model == model else None
        names = with_own(self.detector(model), own).calibration.names
        return names if len(names) > 1 else ()

    def score_bytes(self, data: bytes, model: str, population: str | None = None) -> Answer:
        """Decode a stranger's file in the limited process and score it; a refusal is an answer.

        Args:
            population: whose normals judge it, one of ``populations``; None finds it from the film.

        Raises:
            SimsidError: the model knows no such population.
        """
        try:
            decoded = self._worker.decode(data, _NEUTRAL_NAME, MAX_PIXELS)
        except ImageError as error:
            return self._by(model, RefusedFilm.because(error))
        notes = decoded.notes
        return self.score_array(decoded.pixels, model, notes, population)

    def score_array(
        self,
        image: np.ndarray,
        model: str,
        notes: tuple[str, ...] = (),
        population: str | None = None,
    ) -> Answer:
        """Score (height, width) float in [0, 1] or uint8; a refusal is an answer."""
        return self._by(model, self._score(image, model, population), notes)

    def keep_bytes(self, data: bytes) -> KeptFilm:
        """Decode a stranger's file and bring it to every model; a refusal is a kept film too."""
        try:
            decoded = self._worker.decode(data, _NEUTRAL_NAME, MAX_PIXELS)
        except ImageError as error:
            return KeptFilm(refused=RefusedFilm.because(error))
        return self.keep_array(decoded.pixels, decoded.notes)

    def keep_array(self, image: np.ndarray, notes: tuple[str, ...] = ()) -> KeptFilm:
        """Bring (height, width) float in [0, 1] or uint8 to every model on the shelf."""
        return keep(image, self._all_detectors(), notes)

    def belongs_to(self, film: KeptFilm) -> str | None:
        """The model on the shelf that a film belongs to; None for one that cannot be read."""
        return belongs_to(film.fits, self.shelf.bundled())

    def score_kept(
        self,
        kept: KeptFilm,
        model: str,
        own: OwnNormals | None = None,
        population: str | None = None,
    ) -> Answer:
        """What ``score_array`` says of a film that was kept, with the visit's own normals.

        Raises:
            KeyError: the model came to the shelf after the film.
        """
        if kept.refused is not None:
            return Answer(kept.refused, model, self.shelf.commit(model), kept.notes, kept)
        own = own if own is not None and own.model == model else None
        film = self._score_kept(kept.images[model], model, own, population)
        best, notes = self.belongs_to(kept), kept.notes
        if best != model and best is not None and kept.fits[best].place < kept.fits[model].place:
            notes = (*notes, f"it looks more like the films of {self.shelf.label(best)}")
        count = own.films if own else 0
        return Answer(film, model, self.shelf.commit(model), notes, kept, count)

    def learn_normals(self, films: list[KeptFilm], model: str) -> OwnNormals:
        """Verdicts of one visit, from its own normal films.

        Raises:
            SimsidError: fewer than 20 of them can be used.
        """
        images = usable(films, model)
        return learn(self.detector(model), model, images, len(films) - len(images))

    def full_size(self, data: bytes) -> np.ndarray:
        """The pixels of a stranger's film as they were read, to be looked at and not kept.

        Raises:
            ImageError: it cannot be read.
        """
        return self._worker.decode(data, _NEUTRAL_NAME, MAX_PIXELS).pixels

    def _all_detectors(self) -> dict[str, Detector]:
        found = {}
        for name in self.models():
            with contextlib.suppress(SimsidError):  # a damaged one is told when it is chosen
                found[name] = self.detector(name)
        return found

    def _score_kept_here(
        self, image: np.ndarray, model: str, own: OwnNormals | None, population: str | None
    ) -> ScoredFilm | RefusedFilm:
        detector = with_own(self.detector(model), own)
        return score_prepared(detector, image, population=population)

    def _score_here(
        self, image: np.ndarray, model: str, population: str | None
    ) -> ScoredFilm | RefusedFilm:
        return score_film(self.detector(model), image, population=population)

    def _by(
        self, model: str, film: ScoredFilm | RefusedFilm, notes: tuple[str, ...] = ()
    ) -> Answer:
        return Answer(film, model, self.shelf.commit(model), notes)

    def _explain_here(self, image: np.ndarray, model: str, row: int, col: int) -> Explanation:
        """Why a region of an image, as ``model`` sees it, scored as it did.

        Raises:
            SimsidError: the model has no memory to explain with.
            ValueError: no such region.
        """
        return self.detector(model).explain(image, (row, col))

    def warm_up(self) -> None:
        """Do once what the first visitor would wait for: open a model, start the decoder."""
        model = self.shelf.default
        self._all_detectors()
        size = self.detector(model).image_size
        noise = np.random.default_rng(0).random(size, np.float32)
        score_film(self.detector(model), noise, accept_out_of_place=True)
        self._worker.decode(png_bytes(noise), _NEUTRAL_NAME)

    def close(self) -> None:
        """Stop the decoding process, and fetching models; the next film would start another."""
        self.shelf.close()
        self._worker.close()


def refusal(error: ImageError) -> Answer:
    """A file that no model has seen, with the reason and the remedy."""
    return Answer(RefusedFilm.because(error))
