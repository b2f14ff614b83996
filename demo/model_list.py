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
    NOT_A_MODEL: "this kit cannot open it, or it holds files that a model must not hold",
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
            raise SimsidError(
                f"{VARIABLE}: there is no bundled model '{name[:120]}'; there are: {known}"
            )
        try:
            parse_name(name)
        except HubError as error:
            raise SimsidError(f"{VARIABLE}: {error}; for a folder use --model FOLDER") from None
        if Path(name).exists():
            raise SimsidError(
                f"{VARIABLE}: a folder here has the same name as the Hub's model {name}: start "
                "from another folder, or use --model to offer this folder"
            )
    return names


def reason(error: Exception) -> str:
    """Why there is no model, without paths of this machine."""
    if isinstance(error, HubError):
        return _REASONS.get(error.code, str(error))
    if isinstance(error, SimsidError):
        return "it is damaged, or it needs another version of the kit or a detector that is missing"
    if isinstance(error, OSError):
        return "the server cannot store it: its disk is full or read-only"
    return f"it cannot be opened ({type(error).__name__})"


def may_pass(error: Exception) -> bool:
    """Whether a later try may succeed: the network failed, or the disk."""
    return error.code in _NETWORK if isinstance(error, HubError) else isinstance(error, OSError)
