"""Which data a command works on: a value that can be stored, compared and changed in one thing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from simsid.data.datasets import RadiographData
from simsid.data.film_set import FilmOptions
from simsid.data.films import Progress
from simsid.data.load import GENERATED, load_data
from simsid.data.preprocess import Preprocessing


@dataclass(frozen=True)
class DataChoice:
    """A data set, and how it is generated, chosen and prepared; nothing is read before ``load``.

    Attributes:
        dataset, data_root: see ``load_data``.
        digits, digits_root, difficulty, seed, generator: of generated data, see
            ``synth.AnatomyConfig``.
        track: the name in ``synth.tracks`` that says all of it; None for none.
        films: how films are chosen and prepared.
    """

    dataset: str = GENERATED
    data_root: str | None = None
    digits: str = "strokes"
    digits_root: str | None = None
    difficulty: float = 0.0
    seed: int = 0
    generator: int = 1
    track: str | None = None
    films: FilmOptions = dataclasses.field(default_factory=FilmOptions)

    def load(
        self, preprocessing: Preprocessing | None = None, progress: Progress | None = None
    ) -> RadiographData:
        """Read or generate it.

        Args:
            preprocessing: of the model that will look at it, if there is one.
            progress: wraps an iterable of films, given their number.

        Raises:
            DataError: it cannot be had; the message says why.
        """
        return load_data(
            self.dataset,
            self.data_root,
            preprocessing,
            self.films,
            progress,
            digits=self.digits,
            digits_root=self.digits_root,
            difficulty=self.difficulty,
            seed=self.seed,
            generator=self.generator,
            track=self.track,
        )

    def contaminated(self, share: float) -> DataChoice:
        """The same data with this share of abnormal images in training."""
        films = dataclasses.replace(self.films, contamination=share)
        return dataclasses.replace(self, films=films)
