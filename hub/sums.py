"""``SHA256SUMS``: what every file of a shared or bundled model must hash to, for ``sha256sum -c``."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from hub.errors import CORRUPT, NOT_A_MODEL, HubError
from simsid.detectors.model_files import SUMS
from simsid.detectors.untrusted import check_file

REINSTALL = "install the kit again"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}"  # never hidden, never '..'
# A file, or a file in one folder. A listed name is looked up and never opened.
_LINE = re.compile(rf"([0-9a-f]{{64}}) [ *]((?:{_NAME}/)?{_NAME})")
_MOST_LINES = 80
_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sums_text(digests: dict[str, str]) -> str:
    """The content of ``SHA256SUMS`` for these names and digests."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def check_sums(folder: Path, names: tuple[str, ...], bundled: bool = False) -> bool:
    """Compare every named file of a model folder with ``SHA256SUMS``.

    Args:
        folder: the model folder.
        names: its files that are compared.
        bundled: whether the list lies beside the model folder, one for all bundled models, and
            not in it.

    Returns:
        Whether there is such a list.

    Raises:
        HubError: a sum is missing, malformed, or not that of the file.
        ModelFolderError: a file is missing or is not one of a model folder.
    """
    listing = (folder.parent if bundled else folder) / SUMS
    before = f"{folder.name}/" if bundled else ""
    if not listing.exists():
        return False
    stated = read_sums(listing)
    for name in names:
        if before + name not in stated:
            raise HubError(
                NOT_A_MODEL, f"{listing} has no line for {before}{name}: pull the model again"
            )
        check_file(folder / name)
        if sha256_of(folder / name) != stated[before + name]:
            remedy = REINSTALL if bundled else "remove it and pull the model again"
            raise HubError(
                CORRUPT,
                f"{folder / name} is corrupt: its sha256 is not the one in {SUMS}; {remedy}",
            )
    return True


def read_sums(path: Path) -> dict[str, str]:
    """The digest of each name in a ``SHA256SUMS``.

    Raises:
        HubError: a line is not one of ``sha256sum``, or there are too many.
        ModelFolderError: see :func:`simsid.detectors.untrusted.check_file`.
    """
    check_file(path)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    matches = [_LINE.fullmatch(line) for line in lines[: _MOST_LINES + 1]]
    if len(lines) > _MOST_LINES or not all(matches):
        raise HubError(
            CORRUPT, f"{path} is corrupt: it is not a list of sha256 sums; pull the model again"
        )
    return {match[2]: match[1] for match in matches if match}
