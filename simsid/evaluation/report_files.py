"""Which files a report is, and which of them may be written over. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from simsid.data.own_files import FIGURES, says_figure
from simsid.outputs import check_names, json_object, text_holds

REPORT = "report"
PARTS = ("test", "validation")  # one of which it is on
DRAWN = (
    *("panels", "curves", "scores", "groups", "reconstruction", "training", "why", "embedding"),
)


def check_report(folder: Path, option: str, name: str = REPORT) -> None:
    """Refuse to write a report where something else lies under one of its names.

    Raises:
        SimsidError: something does.
    """
    check_names(folder, option, [f"{name}.{kind}" for kind in ("json", "md", "html")], _is_report)
    check_names(folder / FIGURES, option, [f"{drawn}.png" for drawn in DRAWN], says_figure)


def _is_report(path: Path) -> bool:
    if path.suffix == ".json":
        return {"detector", "data_fingerprint", "image"} <= json_object(path).keys()
    from simsid.evaluation.content import DISCLAIMER  # with all that a report tells

    return text_holds(path, DISCLAIMER)
