"""What a model's facts tell of its recalibration, and which films get no verdict by it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from simsid.detectors.base import Detector
from simsid.detectors.findings import Finding
from simsid.detectors.population import Look


def of_another_population(
    detector: Detector, images: Float[Tensor, "batch 1 height width"], look: Look | None = None
) -> list[list[Finding]]:
    """A finding for each film that this model's verdicts do not hold for: see ``PopulationCheck``.

    Args:
        images: prepared, on the detector's device, float in [0, 1].
        look: at these films, where there has been one.
    """
    return detector.population.findings(
        images, normals_of_own(detector), uncovered_of_own(detector), look
    )


def normals_of_own(detector: Detector) -> int:
    """How many normals of another source the verdicts stand on; 0: of no other than the model's own.

    A film that differs from these, too, is not helped by another recalibration.
    """
    facts = detector.facts.get("recalibrated")
    if not isinstance(facts, dict):
        return 0
    # Models from before it was kept: names stay with the model's own populations alone.
    if facts.get("same_populations", len(detector.calibration.names) > 1):
        return 0
    return detector.calibration.num_normals


def uncovered_of_own(detector: Detector) -> tuple[int, ...]:
    """Populations of the check that the normals of a recalibration do not look like."""
    facts = detector.facts.get("recalibrated")
    told = facts.get("uncovered") if isinstance(facts, dict) else None
    return tuple(told.values()) if isinstance(told, dict) else ()


def normals_were_given(detector: Detector, population: str) -> bool:
    """Whether somebody gave this population's normals, so that training may have seen them.

    Not so for one that kept the normals which training itself held out.
    """
    facts = detector.facts.get("recalibrated")
    if not isinstance(facts, dict):
        return False
    given = facts.get("given")  # names, where some populations were kept
    return given is None or population in given
