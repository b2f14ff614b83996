"""Files of a model folder that a stranger may have made: looked at before they are believed.

Nothing here allocates more than a small multiple of what lies on disk, and what lies on disk is
capped. Weights are known by their header alone until it has been checked from end to end.
"""

from __future__ import annotations

import json
import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsid.detectors.model_files import CALIBRATION, CARD, CONFIG, FILMS, WEIGHTS
from simsid.errors import ModelFolderError
from simsid.files import real_path

KIB = 1024
MIB = 1024 * KIB
MOST_BYTES = {
    WEIGHTS: 1024 * MIB,
    CONFIG: MIB,
    CALIBRATION: 32 * MIB,  # of ten scores some 130,000 normals
    CARD: MIB,
    FILMS: 64 * MIB,  # some eight million films
}
MOST_VALUES = 1_500_000  # of a JSON file: small ones fill many times their text in memory
_MOST_HEADER = 2 * MIB
_MOST_TENSORS = 4096
_MOST_AXES = 8
_WIDTHS = {"F32": 4, "F16": 2, "F64": 8, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class Entry:
    """One tensor as a header states it; ``dtype`` in safetensors' own words."""

    dtype: str
    shape: tuple[int, ...]


def check_file(path: Path) -> None:
    """Raise unless this is a regular file of a size that a model folder may have.

    A link may lead to a place inside the folder, or to where the Hub's cache keeps what its
    snapshots link to; nothing else outside is opened.

    Raises:
        ModelFolderError: the file is missing, no file, too large, or leads out of the folder.
    """
    if path.is_symlink() and not _stays(path):
        raise ModelFolderError(f"{path} is a link out of the model folder: it was not followed")
    try:
        info = path.stat()
    except OSError as error:
        raise ModelFolderError(f"{path} is missing: this is not a complete model folder") from error
    if not stat.S_ISREG(info.st_mode):
        raise ModelFolderError(f"{path} is not a regular file")
    check_size(path)


def check_size(path: Path) -> None:
    """Raise where a file is larger than one of its name may be: it is not read.

    Raises:
        ModelFolderError: it is.
    """
    size, most = path.stat().st_size, MOST_BYTES.get(path.name, MIB)
    if size > most:
        raise ModelFolderError(f"{path} has {size} bytes, more than the {most} allowed")


def too_much_in(path: Path) -> str:
    """What of a file that was written is more than :func:`read_object` and others take; else ''."""
    size, most = path.stat().st_size, MOST_BYTES.get(path.name, MIB)
    if size > most:
        return f"{size} bytes, more than the {most} allowed"
    values = _values(path.read_text(encoding="utf-8")) if path.suffix == ".json" else 0
    return f"{values} values, more than the {MOST_VALUES} allowed" if values > MOST_VALUES else ""


def _values(text: str) -> int:
    """At least as many as a JSON text holds."""
    return sum(map(text.count, ",[{"))


def _stays(link: Path) -> bool:
    folder = real_path(link.parent)
    homes = [folder]
    if folder.parent.name == "snapshots":  # <cache>/<repository>/snapshots/<commit>
        repository = folder.parent.parent
        homes += [repository / "blobs", repository.parent / "blobs"]
    return any(real_path(link).is_relative_to(home) for home in homes)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file of bounded size and of no more values than a model tells.

    Raises:
        ModelFolderError: see :func:`check_file`, or it does not hold an object.
    """
    check_file(path)
    try:
        text = path.read_text(encoding="utf-8")
        if _values(text) > MOST_VALUES:
            raise ValueError(f"it holds more than {MOST_VALUES} values")
        content = json.loads(text)
    except (ValueError, OSError, RecursionError) as error:
        raise ModelFolderError(f"{path} is damaged: {_short(error)}") from error
    if not isinstance(content, dict):
        raise ModelFolderError(f"{path} is damaged: expected an object")
    return content


def read_header(path: Path) -> dict[str, Entry]:
    """Names, types and shapes of the tensors in a safetensors file, without their values.

    The layout is proved as a whole: every tensor lies inside the file, none overlaps another, no
    byte belongs to none, and each takes as many bytes as its type and shape ask for.

    Raises:
        ModelFolderError: the file is missing, too large, or not laid out like that.
    """
    check_file(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _MOST_HEADER):
            raise ModelFolderError(f"{path} is damaged: its header cannot have {length} bytes")
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"{path} is damaged: {_short(error)}") from error
    if not isinstance(header, dict) or len(header) > _MOST_TENSORS:
        raise ModelFolderError(f"{path} is damaged: its header lists no plausible tensors")
    header.pop("__metadata__", None)
    entries, spans = {}, []
    for name, stated in header.items():
        try:
            entries[name], span = _entry(stated)
        except (TypeError, KeyError, ValueError) as error:
            raise ModelFolderError(f"{path} is damaged: '{name[:80]}' {_short(error)}") from error
        spans.append(span)
    end = 0
    for start, stop in sorted(spans):
        if start != end:
            raise ModelFolderError(f"{path} is damaged: tensors overlap or leave a gap at {start}")
        end = stop
    if end != size - 8 - length:
        raise ModelFolderError(f"{path} is damaged: tensors end at {end}, the file does not")
    return entries


def _entry(stated: Any) -> tuple[Entry, tuple[int, int]]:
    """One line of a header, and where its values lie."""
    if not isinstance(stated, dict):
        raise ValueError("is not described by an object")
    dtype, shape = stated["dtype"], stated["shape"]
    start, stop = stated["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _WIDTHS:
        raise ValueError(f"has type {str(dtype)[:20]}, which no model of this kit holds")
    if not isinstance(shape, list) or len(shape) > _MOST_AXES:
        raise ValueError("has no plausible shape")
    if not all(_is_count(number) for number in (*shape, start, stop)):
        raise ValueError("has a shape or offsets that are not counts")
    if stop - start != math.prod(shape) * _WIDTHS[dtype]:
        raise ValueError(f"has shape {tuple(shape)} and {stop - start} bytes: these do not fit")
    return Entry(dtype, tuple(shape)), (start, stop)


def _is_count(number: Any) -> bool:
    return type(number) is int and 0 <= number < 2**40


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _short(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__
