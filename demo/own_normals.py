"""A visitor's own normal films: verdicts of one visit stand on them, and nothing of them is kept.

What stays in memory until the visit ends is scores and limits, no film: the calibration, and how
far films may lie from the model's populations. Networks are shared with every other visitor.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from demo.kept import KeptFilm
from simsid.detectors import Detector
from simsid.detectors.calibration import Calibration
from simsid.detectors.population import PopulationCheck
from simsid.detectors.recalibration import LEAST, recalibrate
from simsid.detectors.usable_normals import left_out_in_words
from simsid.errors import SimsidError
from simsid.scoring.normals import FormerVerdicts, former_verdicts, may_set_a_threshold


@dataclass(frozen=True, eq=False)
class OwnNormals:
    """What a visit's own normal films change in one model.

    Attributes:
        model: name of the model.
        calibration, population, facts: in place of the model's own.
        films: how many normals the verdicts stand on now.
        left_out: films that could not be used. reasons: why, of those that could be read.
        before: what the model said of these films.
    """

    model: str
    calibration: Calibration
    population: PopulationCheck
    films: int
    left_out: int
    before: FormerVerdicts
    facts: dict[str, Any]
    reasons: dict[str, int]


def learn(
    detector: Detector, model: str, images: Sequence[Float[np.ndarray, "h w"]], left_out: int = 0
) -> OwnNormals:
    """Recalibrate on prepared normal films; the detector stays as it is.

    Raises:
        SimsidError: fewer than 20 of them may set a threshold.
    """
    held, reasons = may_set_a_threshold(detector, images)
    left_out += len(images) - len(held)
    if len(held) < LEAST:
        raise SimsidError(
            f"{len(held)} of {len(held) + left_out} films can be used as normals of this "
            f"model{f' ({left_out_in_words(reasons)})' if reasons else ''}, and at least {LEAST} are "
            f"needed: nothing was changed. Drop {LEAST} or more "
            "normal films at once; 60 make the rate certain within some percent"
        )
    before = former_verdicts(detector, held)
    own = recalibrate(detector, np.stack(held), left_out=reasons, before=before.above)
    return OwnNormals(
        model, own.calibration, own.population, len(held), left_out, before, own.facts, reasons
    )


def with_own(detector: Detector, own: OwnNormals | None) -> Detector:
    """The detector as this visit sees it: the same networks with another calibration."""
    if own is None:
        return detector
    view = copy.copy(detector)
    view._modules = dict(detector._modules)
    view.population = copy.deepcopy(own.population).to(detector.device)
    view.calibration, view.facts = own.calibration, own.facts
    return view


def usable(films: Sequence[KeptFilm], model: str) -> list[Float[np.ndarray, "h w"]]:
    """The films as the model sees them, without those that could not be read."""
    return [film.images[model] for film in films if model in film.images]
