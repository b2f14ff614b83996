"""Chest examples for the page: phantoms, since no film of a patient ships with the kit."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from synth.phantoms import chest_phantom

NOTE = (
    "this is a phantom, drawn by code: no patient was there. The model's checks do not know that, and "
    "what is said of it here says nothing of films"
)
NAMES = {"plain": "normal", "opacity": "opacity", "nodule": "nodule", "effusion": "effusion"}
"""Of the buttons, and the kind that each draws."""
_SEEDS = {"normal": 2, "opacity": 3, "nodule": 2, "effusion": 1}


def phantoms() -> dict[str, UInt8[np.ndarray, "height width"]]:
    """One phantom of each kind by the name of its button; made on the spot, always the same."""
    return {
        name: chest_phantom(kind, np.random.default_rng(_SEEDS[kind]))[0]
        for name, kind in NAMES.items()
    }
