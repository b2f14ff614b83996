"""A folder that is said to hold normal films, and whose own folders say otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from simsid.data.find import folder_named
from simsid.data.sets.folder import NORMAL_NAMES
from simsid.errors import DataError

_NORMAL = frozenset((*NORMAL_NAMES, "normals", "healthy", "negative", "nofinding", "nofindings"))
_ABNORMAL = frozenset(
    (
        *(
            "abnormal",
            "abnormals",
            "anomaly",
            "anomalies",
            "anomalous",
            "bad",
            "defect",
            "defective",
        ),
        *("disease", "diseased", "pathologic", "pathological", "pathology", "sick", "positive"),
        *("positives", "pneumonia", "covid", "covid19", "tuberculosis", "finding", "findings"),
    )
)
_SHOWN = 4


def refuse_class_folders(source: Path, files: Sequence[Path]) -> None:
    """Refuse what is given as normal films, where the names of folders tell classes.

    A folder is one of abnormal films if it is called so, as ``abnormal``, ``positive`` or
    ``PNEUMONIA``, or if it stands beside one that is called ``normal``, as ``good`` or ``healthy``.

    Args:
        source: folder or glob that was given. files: what was found there.

    Raises:
        DataError: it holds films of other classes; where the normals are is told.
    """
    root = folder_named(source)
    folders: Counter[Path] = Counter()  # films below each
    for file in files:
        parents = file.absolute().parents
        folders.update(parent for parent in parents if root.absolute() in parent.parents)
    normal = [folder for folder in folders if _plain(folder.name) in _NORMAL]
    beside = {folder.parent for folder in normal}
    others = [
        folder
        for folder in folders
        if _plain(folder.name) not in _NORMAL
        and (_plain(folder.name) in _ABNORMAL or folder.parent in beside)
    ]
    if others:
        told = ", ".join(
            f"{folder.relative_to(root.absolute())} ({folders[folder]} films)"
            for folder in sorted({*normal, *others})[:_SHOWN]
        )
        where = root / sorted(normal)[0].relative_to(root.absolute()) if normal else None
        remedy = (
            f"give the normals alone: {where}" if where else "give a folder of normal films alone"
        )
        raise DataError(
            f"{source} holds folders of several classes, not normals alone: {told}; {remedy}"
        )
    if _plain(root.absolute().name) in _ABNORMAL:
        called = "is called" if source == root else "lies in a folder that is called"
        raise DataError(
            f"{source} {called} '{root.absolute().name}': give a folder of normal films, or rename it "
            "if it is one"
        )


def _plain(name: str) -> str:
    """'No-Finding', 'no_finding' and 'NoFinding' alike."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
