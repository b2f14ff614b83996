"""May these weights be shared, and with whom? What the training data's terms say about it."""

from __future__ import annotations

from typing import Any

from simsid.data.terms import terms_of
from simsid.evaluation.card_sections import trained_on

_OWN_GLYPHS = ("strokes", "optdigits", "mnist")


def why_not_open(described: dict[str, Any], i_may_share: bool = False) -> str | None:
    """Why these weights must not be published for all; None where they may.

    Args:
        described: the content of the model's ``config.json``.
        i_may_share: the user vouches for data whose terms the kit does not know; it changes
            nothing where it knows them.
    """
    name = trained_on(described)
    terms = terms_of(name)
    if terms is not None and not terms.open_weights:
        return f"they were trained on {name}, whose terms say: {terms.licence}"
    if i_may_share or (terms is not None and not _foreign_glyphs(described)):
        return None
    told = f"'{name}', which is data" if terms is None and name else "data"
    return f"they were trained on {told} whose terms this kit does not know"


def remedy(described: dict[str, Any]) -> str:
    """What the user can do about it."""
    terms = terms_of(trained_on(described))
    if terms is not None and not terms.open_weights:
        return "push them to a private repository (--private) or to one that is gated already"
    return "push with --private, or with --i-may-share if you may publish what was learned from it"


def _foreign_glyphs(described: dict[str, Any]) -> bool:
    """Whether 'digitanatomy' means images that this kit did not draw."""
    data = described["facts"]["data"]
    if data["name"] != "digitanatomy":
        return False
    made = data.get("config")
    return not isinstance(made, dict) or made.get("digits") not in _OWN_GLYPHS
