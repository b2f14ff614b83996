"""Normal films from files, as a model sees them: what recalibration and examination stand on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from simsid.data.decode.pool import read_untrusted
from simsid.detectors.base import Detector
from simsid.detectors.findings import REFUSE
from simsid.errors import ImageError, SimsidError
from simsid.scoring.film import prepare_image


def read_normals(
    detector: Detector, files: Sequence[Path]
) -> tuple[list[Float[np.ndarray, "height width"]], int]:
    """Films as the model sees them, and how many are out of place and left out.

    Raises:
        SimsidError: a film cannot be read.
    """
    images = []
    bar = tqdm(files, desc="reading films", disable=None, leave=False)
    for file in bar:
        try:
            images.append(prepare_image(detector, read_untrusted(file).pixels))
        except ImageError as error:
            raise SimsidError(f"{file}: {error}; remove or replace it") from error
    kept = []
    for start in range(0, len(images), 64):
        part = images[start : start + 64]
        found = detector.placement.findings(detector.as_batch(np.stack(part)).to(detector.device))
        kept += [
            image
            for image, findings in zip(part, found, strict=True)
            if not any(finding.severity == REFUSE for finding in findings)
        ]
    return kept, len(images) - len(kept)
