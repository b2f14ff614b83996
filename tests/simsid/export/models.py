"""Small fitted detectors, and films for them."""

import numpy as np
import torch

from simsid.data.image_kind import FILMS
from simsid.detectors import Detector, detector_class
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs, tiny_films, tiny_squid

TINY = ("simsid", "squid", "thumbnail-nn", "padim", "ae")


def fitted(name: str) -> Detector:
    """One that was trained for an epoch on 32 px."""
    reading = {"expected": True, "lesion_centring": 0.3, "lesion_limit": 1.5}
    made = {"simsid": lambda: tiny_films(**reading), "squid": tiny_squid}
    if name in made:
        detector = made[name]()
    else:
        torch.manual_seed(0)
        cls = detector_class(name)
        detector = cls(cls.config_class.preset("quick", (32, 32), FILMS))
    fit(detector, blobs(40), epochs=1, batch_size=8, device="cpu")
    detector.calibrate(blobs(30, seed=2), false_alarm_rate=0.1)
    return detector


def films(count: int = 6) -> np.ndarray:
    """(count, 32, 32) float32, the last ones turned: nothing like a normal."""
    images = blobs(count, seed=1).astype(np.float32) / np.float32(255)
    images[-2:] = images[-2:, ::-1]
    return images
