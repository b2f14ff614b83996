"""``SHA256SUMS``: what every file of a shared model folder must hash to, for ``sha256sum -c``."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from hub.errors import CORRUPT, NOT_A_MODEL, HubError
from simsid.detectors.untrusted import check_file

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9_.]{1,60})")
_MOST_LINES = 20
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


def check_sums(folder: Path, names: tuple[str, ...]) -> bool:
    """Compare every named file with ``SHA256SUMS``. False where the folder has none.

    Raises:
        HubError: a sum is missing, malformed, or not that of the file.
        ModelFolderError: a file is missing or is not one of a model folder.
    """
    if not (folder / SUMS).exists():
        return False
    stated = _read(folder / SUMS)
    for name in names:
        if name not in stated:
            raise HubError(NOT_A_MODEL, f"{folder / SUMS} has no line for {name}")
        check_file(folder / name)
        if sha256_of(folder / name) != stated[name]:
            raise HubError(
                CORRUPT,
                f"{folder / name} is corrupt: its sha256 is not the one in {SUMS}; remove it and "
                "pull the model again",
            )
    return True


def _read(path: Path) -> dict[str, str]:
    check_file(path)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    matches = [_LINE.fullmatch(line) for line in lines[: _MOST_LINES + 1]]
    if len(lines) > _MOST_LINES or not all(matches):
        raise HubError(CORRUPT, f"{path} is corrupt: it is no list of sha256 sums")
    return {match[2]: match[1] for match in matches if match}
