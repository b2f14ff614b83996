"""Models that come with the kit: 'bundled:NAME' is a name for each of their folders.

They lie in the package ``hub``, which stands above this one and is found by its place alone.
"""

from __future__ import annotations

from pathlib import Path

from simsid.detectors.model_files import CONFIG
from simsid.errors import ModelFolderError, nearest

FOLDER = Path(__file__).resolve().parents[2] / "hub" / "bundled"
PREFIX = "bundled:"
_FIRST = "digitanatomy"  # what a new user can try without a film


def bundled_models() -> list[str]:
    """Names of the models that come with the kit; that of digits is first."""
    names = (path.parent.name for path in FOLDER.glob(f"*/{CONFIG}"))
    ordered = sorted(names, key=lambda name: (name != _FIRST, name))
    return [f"{PREFIX}{name}" for name in ordered]


def is_bundled(name: str | Path) -> bool:
    """Whether this is the name of a bundled model, be there one or not."""
    return str(name).startswith(PREFIX)


def bundled_folder(name: str) -> Path:
    """The model folder of 'bundled:NAME'.

    Raises:
        ModelFolderError: there is none; the message names those that there are.
    """
    if name not in bundled_models():
        raise ModelFolderError(
            f"there is no bundled model '{name}': {nearest(name, bundled_models(), PREFIX)}"
            f"there are: {', '.join(bundled_models())}"
        )
    return FOLDER / name.removeprefix(PREFIX)
