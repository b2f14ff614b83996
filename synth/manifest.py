"""``manifest.json``: what a finished data set holds. Without it, nothing verifies."""

import csv
import hashlib
import json
import os
import re
from pathlib import Path

from synth.errors import SynthError
from synth.factors import flat

MANIFEST = "manifest.json"
MARKER = "INCOMPLETE"
"""Present while a data set is being written, and after a run that was killed."""
ROWS, TABLE = "manifest.jsonl", "manifest.csv"
"""Every sample's record: whole, a line each; and as a table of its factors."""
SHEET = "contact-sheet.png"
GENERATOR = "DigitAnatomy"
MEDMIX = "MedMix"

_TOP_LEVEL = (
    "train", "val", "test", "ground_truth", "ground_truth_train", "ground_truth_val", "README.md",
    MANIFEST, MARKER, f"{MANIFEST}.part", ROWS, TABLE, SHEET,
)  # fmt: skip
_CONTAINER = re.compile(r"(train|val|test)(\.parquet|-\d{6}\.tar)")
_COMPUTED = re.compile(
    "'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
)  # as OWASP lists them, 'CSV injection'; ours are apostrophes before one of them
# What cloning from a hub adds beside the data.
_NOT_OURS = (".git", ".gitattributes", ".gitignore", ".cache")


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha.update(block)
    return sha.hexdigest()


def whole_digest(records: list[dict]) -> str:
    """sha256 over all samples' names and pixel digests: equal for equal data in any layout.

    Args:
        records: each with 'id', 'image_sha256' and 'mask_sha256'.
    """
    sha = hashlib.sha256()
    for record in records:
        line = " ".join((record["id"], record["image_sha256"], record["mask_sha256"]))
        sha.update(line.encode() + b"\n")
    return sha.hexdigest()


def list_files(root: Path) -> list[str]:
    """Paths of all files below a folder, relative, with forward slashes, sorted."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _NOT_OURS]
        found += [Path(folder, name).relative_to(root).as_posix() for name in files]
    return sorted(name for name in found if name not in _NOT_OURS)


def is_own(name: str) -> bool:
    """Whether a top-level name is one that this package writes."""
    return name in _TOP_LEVEL or _CONTAINER.fullmatch(name) is not None


def write_tables(root: Path, records: list[dict]) -> None:
    """Write the samples' records as lines of JSON, and their factors as a table."""
    with open(root / ROWS, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    rows = [{key: _as_cell(value) for key, value in flat(record).items()} for record in records]
    with open(root / TABLE, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _as_cell(value: object) -> object:
    """A text that spreadsheet programs would compute gets an apostrophe, numbers do not: a population
    or a file of glyphs may have any name. The rule is that of ``simsid.cells``, which synth lacks."""
    if not isinstance(value, str) or not _COMPUTED.match(value) or _is_number(value):
        return value
    return f"'{value}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_manifest(root: Path, content: dict) -> None:
    """Write the manifest so that it is there whole or not at all."""
    partial = root / f"{MANIFEST}.part"
    with open(partial, "w", encoding="utf-8", newline="\n") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, root / MANIFEST)


def read_manifest(root: Path) -> dict:
    """Read a data set's manifest.

    Raises:
        SynthError: there is none, it cannot be read, or another program wrote it.
    """
    path = root / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SynthError(
            f"{root}: has no {MANIFEST}, so it is not a finished data set: make it anew"
        ) from None
    except (OSError, ValueError) as error:
        raise SynthError(f"{path}: cannot be read ({error}): make the set anew") from error
    if not isinstance(content, dict) or content.get("generator") not in (GENERATOR, MEDMIX):
        raise SynthError(
            f"{path}: is not a manifest of {GENERATOR} or {MEDMIX}: name a set that synth wrote"
        )
    return content
