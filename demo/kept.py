"""What is kept of a dropped film: as each model of the shelf sees it; and which model it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from simsid.detectors import Detector
from simsid.detectors.findings import REFUSE
from simsid.errors import ImageError
from simsid.scoring import RefusedFilm
from simsid.scoring.film import prepare_image

_IN_PLACE, _DOUBTFUL, _OUT_OF_PLACE = 0, 1, 2


@dataclass(frozen=True)
class Fit:
    """How well a film fits a model, by the model's checks of the film as a whole.

    Attributes:
        place: 0 in place, 1 doubtful, 2 out of place.
        look: distance to the model's nearest population, above 1 for another one; None where the
            model knows none.
        strangeness: of the placement check, beyond its limit; lower = more in place.
    """

    place: int
    look: float | None
    strangeness: float

    @property
    def rank(self) -> tuple[int, bool, float, float]:
        """Lower fits better. A model that knows its populations has looked more closely."""
        look = 0.0 if self.look is None else self.look
        return self.place, self.look is None, look, self.strangeness

    @property
    def outside(self) -> bool:
        """Whether the film is of none of the populations that the model knows."""
        return self.look is not None and self.look > 1


@dataclass(frozen=True, eq=False)
class KeptFilm:
    """A film at the size of each model, all that is kept of an upload.

    Attributes:
        images: (height, width) float32 in [0, 1] by the name of the model; equal ones are one
            array. Without a model that came to the shelf later.
        refused: why it cannot be read or prepared at all; then there are no images.
        fits: by the name of the model.
        shape: (height, width) of the film as it was read.
        notes: what the visitor should know of the file, in words.
    """

    images: Mapping[str, Float[np.ndarray, "height width"]] = field(default_factory=dict)
    refused: RefusedFilm | None = None
    fits: Mapping[str, Fit] = field(default_factory=dict)
    shape: tuple[int, int] = (1, 1)
    notes: tuple[str, ...] = ()


def keep(
    pixels: np.ndarray, detectors: Mapping[str, Detector], notes: tuple[str, ...] = ()
) -> KeptFilm:
    """A film as each of these models sees it.

    Args:
        pixels: (height, width), float in [0, 1] or uint8.
    """
    made: dict[object, np.ndarray] = {}
    images, fits = {}, {}
    try:
        for name, detector in detectors.items():
            settings = detector.preprocessing
            if settings not in made:
                made[settings] = prepare_image(detector, pixels)
            images[name] = made[settings]
            fits[name] = fit_of(detector, images[name])
    except ImageError as error:
        return KeptFilm(refused=RefusedFilm.because(error), notes=notes)
    return KeptFilm(images, None, fits, (pixels.shape[0], pixels.shape[1]), notes)


def fit_of(detector: Detector, image: Float[np.ndarray, "height width"]) -> Fit:
    """How well a prepared film fits a model."""
    batch = detector.as_batch(image[None]).to(detector.device)
    found, look, strangeness = detector.placement.findings(batch)[0], None, 0.0
    if detector.population.num_populations:
        look = float(detector.population.distances(batch).amin())
    if detector.placement.fitted:
        limit = float(detector.placement.limits[0])
        strangeness = float(detector.placement.strangeness(batch)[0]) - limit
    place = _IN_PLACE
    if found:
        refused = any(finding.severity == REFUSE for finding in found)
        place = _OUT_OF_PLACE if refused else _DOUBTFUL
    return Fit(place, look, strangeness)


def belongs_to(fits: Mapping[str, Fit], bundled: Sequence[str]) -> str | None:
    """The model that a film belongs to: the best fit; None where no model has looked.

    The operator's models and the Hub's come before the bundled ones, unless the film is more out
    of place there, or of another population.

    Args:
        bundled: names of the models that come with the kit.
    """
    groups = [[n for n in fits if n not in bundled], [n for n in fits if n in bundled]]
    best = [min(group, key=lambda name: fits[name].rank) for group in groups if group]
    return min(best, key=lambda n: (fits[n].place, fits[n].outside), default=None)


def majority(names: Sequence[str | None]) -> str | None:
    """The name that stands most often, the first of several; None where there is none."""
    counts = Counter(name for name in names if name is not None)
    return counts.most_common(1)[0][0] if counts else None
