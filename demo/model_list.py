"""What ``SIMSID_MODELS`` may say, and why a model that it names is not there, in plain sentences."""

from __future__ import annotations

from pathlib import Path

import hub
from hub.errors import CORRUPT, FAILED, NO_NETWORK, NOT_A_MODEL, HubError
from hub.names import parse_name
from simsid.errors import SimsidError

VARIABLE = "SIMSID_MODELS"
_NETWORK = (NO_NETWORK, FAILED)
# In place of messages that name folders of this machine.
_REASONS = {
    CORRUPT: "it did not arrive as it was shared, so it is not used",
    NOT_A_MODEL: "it is no model that this kit can open, or holds files that it must not hold",
}


def named_models(text: str) -> tuple[str, ...]:
    """The value of ``SIMSID_MODELS``: names between commas or spaces, the first to be preferred.

    Raises:
        SimsidError: a name that is none of 'user/name', 'user/name@revision', 'bundled:name', or
            is that of a folder here too.
    """
    names = tuple(dict.fromkeys(text.replace(",", " ").split()))
    bundled = hub.bundled_models()
    for name in names:
        if name in bundled:
            continue
        if name.startswith("bundled:"):
            known = ", ".join(bundled)
            raise SimsidError(f"{VARIABLE}: no bundled model '{name[:120]}'; there are: {known}")
        try:
            parse_name(name)
        except HubError as error:
            raise SimsidError(
                f"{VARIABLE}: {error}; a folder is named with --model FOLDER"
            ) from None
        if Path(name).exists():
            raise SimsidError(
                f"{VARIABLE}: a folder here is named {name} too, and would be opened in place of "
                "the Hub's model: start from another folder, or, if it is meant, name it with --model"
            )
    return names


def reason(error: Exception) -> str:
    """Why there is no model, without paths of this machine."""
    if isinstance(error, HubError):
        return _REASONS.get(error.code, str(error))
    if isinstance(error, SimsidError):
        return (
            "it is damaged, or made by another version of the kit, or a detector it does not have"
        )
    if isinstance(error, OSError):
        return "the server cannot store it: its disk is full or may not be written"
    return f"it cannot be opened ({type(error).__name__})"


def may_pass(error: Exception) -> bool:
    """Whether a later try may succeed: the network failed, or the disk."""
    return error.code in _NETWORK if isinstance(error, HubError) else isinstance(error, OSError)
