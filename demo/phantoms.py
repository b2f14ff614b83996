"""Chest examples for the page: phantoms, since no film of a patient ships with the kit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from demo.inference import Inference
from simsid.scoring import BORDERLINE, NOTHING_UNUSUAL, UNUSUAL
from synth.phantoms import chest_phantom

NOTE = (
    "this is a phantom, drawn by code: no patient was there. The model's checks do not know that, and "
    "what is said of it here says nothing of films"
)
BELOW = (
    "The kit ships no films of patients. Phantoms show what the page does, and nothing of how well it "
    "does on patients."
)


@dataclass(frozen=True)
class Drawing:
    """A phantom to pick.

    Attributes:
        kind, seed: what is drawn, see ``chest_phantom``.
        shows: the same in words.
    """

    kind: str
    seed: int
    shows: str


DRAWINGS = {
    "plain": Drawing("normal", 2, "Nothing abnormal"),
    "patchy": Drawing("patchy", 11, "Patchy opacities in both lungs"),
    "opacity": Drawing("opacity", 3, "One soft opacity"),
    "nodule": Drawing("nodule", 2, "A nodule"),
    "effusion": Drawing("effusion", 4, "Fluid at the base of a lung"),
}
"""By the name of the button."""
_SAID = {UNUSUAL: "found", NOTHING_UNUSUAL: "missed", BORDERLINE: "borderline"}
_SAID_OF_NORMAL = {
    UNUSUAL: "called unusual by mistake",
    NOTHING_UNUSUAL: "nothing unusual found",
    BORDERLINE: "borderline",
}


def phantoms() -> dict[str, UInt8[np.ndarray, "height width"]]:
    """The phantom of each button by its name; made on the spot, always the same."""
    return {
        name: chest_phantom(drawing.kind, np.random.default_rng(drawing.seed))[0]
        for name, drawing in DRAWINGS.items()
    }


def lines(
    inference: Inference, drawn: dict[str, UInt8[np.ndarray, "height width"]]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """What each phantom shows and what the model that it goes to says of it; and those models.

    Scored on the spot, so that no line promises what another model's verdict breaks.

    Returns:
        Lines by the name of the button, and the models' names for readers.
    """
    told, models = {}, []
    for name, image in drawn.items():
        kept = inference.keep_array(image)
        model = inference.belongs_to(kept)
        if model is None:
            told[name] = DRAWINGS[name].shows
            continue
        models.append(inference.shelf.label(model))
        state = inference.score_kept(kept, model).film.state
        told[name] = f"{DRAWINGS[name].shows}: {outcome(DRAWINGS[name].kind, state)}"
    return told, tuple(dict.fromkeys(models))


def outcome(kind: str, state: str) -> str:
    """A verdict on a phantom of a kind, in a word or two."""
    return (_SAID_OF_NORMAL if kind == "normal" else _SAID).get(state, "no verdict")


def heading(models: Iterable[str]) -> str:
    """What stands above the phantoms, as Markdown."""
    by = " and ".join(models)
    return "**Or a chest phantom**, drawn by code" + (
        f"; each line ends with what {by} says of it." if by else "."
    )
