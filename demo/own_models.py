"""The operator's own models: folders that ``--model`` names, opened before the page is.

Visitors read a name that holds no path; they choose among these, and name no folder themselves.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from demo.model_list import VARIABLE
from hub.verify import Verified, verify
from simsid.detectors import Detector, detector_names
from simsid.detectors.model_files import CONFIG, INNER
from simsid.detectors.model_place import model_folder_of
from simsid.detectors.no_model import require_model
from simsid.detectors.registry import ANOMALIB
from simsid.detectors.untrusted import read_object
from simsid.errors import ModelFolderError, SimsidError
from simsid.scoring import score_film

OPTION = "--model"


def open_folders(paths: Sequence[str]) -> dict[str, Verified]:
    """Run folders and model folders by the names that visitors read, in this order.

    They are checked as a downloaded folder is, except that they need no sums, and tried out.

    Raises:
        SimsidError: one of them is no model folder, cannot be opened or cannot score; the message
            is for the operator and says which.
    """
    opened: dict[str, Verified] = {}
    given = [Path(text).expanduser() for text in paths]
    for whole, path in {os.path.abspath(path): path for path in given}.items():
        opened[_free_name(Path(whole), opened)] = _open(path)
    return opened


def try_out(detector: Detector) -> None:
    """Score noise; raises whatever a film would meet later."""
    noise = np.random.default_rng(0).random(detector.image_size, np.float32)
    score_film(detector.eval(), noise, accept_out_of_place=True)


def _free_name(path: Path, taken: dict[str, Verified]) -> str:
    """The folder's name, that of its run if it is called 'model', and a number if it is taken.

    It has neither ':' nor '/', so it is never that of a bundled model or one of the Hub.
    """
    # What every run folder calls its model folder says nothing of which run it is.
    own = path.parent.name if path.name == INNER and path.parent.name else path.name
    own = name = re.sub(r"[^\w. +-]", "_", own)
    number = 1
    while name in taken:
        number += 1
        name = f"{own}-{number}"
    return name


def _open(path: Path) -> Verified:
    try:
        require_model(path)
    except ModelFolderError as error:
        raise ModelFolderError(f"{OPTION} {path}: {error}") from error
    folder = model_folder_of(path)
    if not (folder / CONFIG).is_file():
        raise SimsidError(
            f"{OPTION} {path}: the folder holds no model (neither {CONFIG} nor model/): name a "
            "finished run's folder or a model folder; for bundled models and those of the Hub "
            f"set {VARIABLE}"
        )
    try:
        verified = verify(path)
    except ModelFolderError as error:
        name = _unknown_detector(folder)
        if name is None:
            raise
        raise SimsidError(
            f"{OPTION} {path} needs the detector '{name}', which the kit does not have: name "
            "the file that defines it with --plugin FILE.py"
        ) from error
    try:
        try_out(verified.detector)
    except Exception as error:  # a plugin's detector may fail in any way
        raise SimsidError(
            f"{OPTION} {path} cannot score a film: {type(error).__name__}: {error}; mend its "
            "detector"
        ) from error
    return verified


def _unknown_detector(folder: Path) -> str | None:
    """The detector that the folder names, if nothing registers it."""
    try:
        name = str(read_object(folder / CONFIG).get("detector"))[:80]
    except ModelFolderError:
        return None
    return None if name in detector_names() or name.startswith(ANOMALIB) else name
