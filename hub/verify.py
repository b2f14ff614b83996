"""Is this folder a model folder, whole and harmless? Nothing in it is run, nothing outside read."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hub.errors import CORRUPT, NOT_A_MODEL, HubError
from hub.sums import REINSTALL, SUMS, check_sums
from simsid.detectors import Detector, bundled, load_model
from simsid.detectors.model_files import CALIBRATION, CARD, CONFIG, WEIGHTS
from simsid.detectors.model_place import model_folder_of
from simsid.detectors.no_model import require_model
from simsid.detectors.untrusted import check_file
from simsid.errors import ModelFolderError
from simsid.export.detector import is_exported, load_exported
from simsid.export.engines import ENGINES
from simsid.files import real_path

NEEDED = (WEIGHTS, CONFIG, CALIBRATION)
KNOWN = (*NEEDED, CARD)
# Files that some program would run, or unpickle. A model folder has none, so one that has is
# not what it says.
_RUNNABLE = {
    ".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".dill", ".npy", ".npz", ".h5",
    ".py", ".pyc", ".so", ".sh", ".exe", ".dll", ".js", ".html",
}  # fmt: skip
_MOST_FILES = 32


@dataclass(frozen=True)
class Verified:
    """A folder that passed.

    Attributes:
        folder: the model folder itself.
        detector: the model, opened.
        sizes: bytes of each known file that is there.
        sums: whether every file was compared with a ``SHA256SUMS``; False where there is none.
    """

    folder: Path
    detector: Detector
    sizes: dict[str, int]
    sums: bool


def check_folder(path: Path, sums_needed: bool = False, graph: Collection[str] = ()) -> bool:
    """Names, kinds of files, sizes and sums; cheap, and before anything is parsed.

    Args:
        path: a model folder. That of a bundled model is compared with ``hub/bundled/SHA256SUMS``.
        sums_needed: refuse a folder without ``SHA256SUMS``, as every pulled one has.
        graph: names that an exported model's files may have, whatever their suffix.

    Returns:
        Whether there were sums to compare with.

    Raises:
        HubError: a file that has no place here, a sum that is missing or wrong.
        ModelFolderError: a file is missing, too large, no file, or a link that leads away.
    """
    if not path.is_dir():
        raise ModelFolderError(f"no model folder at {path}: check the path")
    with os.scandir(path) as found:
        names = sorted(entry.name for entry in islice(found, _MOST_FILES + 1))
    if len(names) > _MOST_FILES:
        raise HubError(
            NOT_A_MODEL,
            f"{path} holds more than {_MOST_FILES} files, so it is not a model folder: name one",
        )
    refuse_runnable(str(path), [name for name in names if name not in graph])
    for name in names:
        if name in KNOWN or name == SUMS:
            check_file(path / name)
        elif (path / name).is_symlink():
            raise HubError(
                NOT_A_MODEL,
                f"{path} holds a link, {name!r}, which was not followed: put the file there",
            )
    for name in NEEDED:
        check_file(path / name)
    present = tuple(name for name in KNOWN if name in names)
    own = real_path(path).parent == bundled.FOLDER.resolve()
    compared = check_sums(path, KNOWN if sums_needed or own else present, own)
    if own and not compared:
        raise HubError(CORRUPT, f"{bundled.FOLDER} has no {SUMS}: {REINSTALL}")
    if sums_needed and not compared:
        raise HubError(
            NOT_A_MODEL,
            f"{path} has no {SUMS}: it was not shared with python -m hub push; pull it again",
        )
    return compared


def refuse_runnable(where: str, names: list[str]) -> None:
    """Raise for the first name that a program could run or unpickle.

    Raises:
        HubError: there is one; it was not opened.
    """
    for name in names:
        if Path(name).suffix.lower() in _RUNNABLE:
            raise HubError(
                NOT_A_MODEL,
                f"{where} holds {name[:80]!r}, a file that can run code: a model folder of this kit "
                "has no such file, so it was not opened: take it out if you trust the rest",
            )


def verify(path: Path, sums_needed: bool = False, device: str = "cpu") -> Verified:
    """Check a folder from end to end and open its model.

    Args:
        path: a model folder or run folder.
        sums_needed: see :func:`check_folder`.
        device: where the model goes.

    Raises:
        HubError, ModelFolderError: it failed; one sentence says where.
    """
    require_model(path)
    folder = model_folder_of(path)
    if not is_exported(folder):
        sums, detector = check_folder(folder, sums_needed), load_model(folder, device)
    elif sums_needed:
        raise HubError(
            NOT_A_MODEL,
            f"{folder} is an exported model, and a stranger's graph is not opened: ask for the model "
            "that it was made from",
        )
    else:  # its graph has a sum of its own
        graph = {name for engine in ENGINES.values() for name in engine.files}
        sums, detector = check_folder(folder, graph=graph), load_exported(folder)
    present = [name for name in (*KNOWN, SUMS) if (folder / name).exists()]
    return Verified(folder, detector, {n: (folder / n).stat().st_size for n in present}, sums)
