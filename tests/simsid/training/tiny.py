"""A detector and data small enough to train in a second, shared by the tests of training."""

import numpy as np
import torch

from simsid.detectors.simsid import SimSID
from simsid.detectors.simsid_config import SimSIDConfig
from simsid.detectors.squid import SQUID, SQUIDConfig

SIZE = {"image_size": (32, 32), "grid_size": (2, 2), "num_slots": 8, "top_k": 2, "slot_dim": 16}


def tiny_simsid(**changes):
    torch.manual_seed(0)
    config = {
        "channels": (8, 16),
        "decoder_channels": (4, 8),
        "signature_dim": 16,
        "signature_slots": 8,
        "scoring_slots": 4,
        "discriminator_channels": 4,
    }
    return SimSID(SimSIDConfig(**SIZE | config | changes))


def tiny_films(**changes):
    """SimSID as films have it, with lesion networks."""
    return tiny_simsid(lesion_channels=4, lesion_members=2, context_slots=4, **changes)


def tiny_squid(**changes):
    torch.manual_seed(0)
    config = {
        "base_channels": 4,
        "num_levels": 2,
        "convs_per_level": 1,
        "discriminator_channels": 4,
    }
    return SQUID(SQUIDConfig(**SIZE | config | changes))


def blobs(count, seed=0):
    """(count, 32, 32) uint8: one bright blob in each quarter, each quarter of its own size."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:16, :16]
    images = np.zeros((count, 32, 32), np.float32)
    for index, radius in enumerate((3, 4, 5, 6)):
        y, x = divmod(index, 2)
        centre = 8 + rng.integers(-1, 2, (count, 2, 1, 1))
        inside = (rows - centre[:, 0]) ** 2 + (cols - centre[:, 1]) ** 2 < radius**2
        images[:, 16 * y : 16 * y + 16, 16 * x : 16 * x + 16] = inside
    return (200 * images + rng.integers(0, 30, images.shape)).astype(np.uint8)
