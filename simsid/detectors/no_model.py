"""Why there is no model at a path, and what to do: told alike wherever a model can be named."""

from __future__ import annotations

from pathlib import Path

from simsid.detectors.bundled import PREFIX, bundled_folder, bundled_models, is_bundled
from simsid.detectors.model_files import CHECKPOINT, INNER, ModelFolder
from simsid.errors import ModelFolderError, nearest


def require_model(path: str | Path) -> None:
    """Refuse a path where no model lies, with what the user may have meant.

    A folder that is some other folder, or lacks a file, is left to whoever opens it.

    Raises:
        ModelFolderError: it is the folder of a training that has not ended, nothing at all, or no
            bundled model has that name.
    """
    given = Path(path)
    if is_bundled(path):
        bundled_folder(str(path))
        return
    if ModelFolder(given).config.exists():
        return
    run = given.parent if given.name == INNER else given
    if not ModelFolder(run / INNER).config.exists() and (run / CHECKPOINT).is_file():
        raise ModelFolderError(
            f"the training in {run} is not finished; go on with: python -m simsid.train --run {run} "
            "--resume"
        )
    if given.is_dir():
        return
    meant = nearest(given.name, bundled_models(), PREFIX)
    raise ModelFolderError(
        f"no model folder at {path}: {meant}train one, or check the path; "
        f"models that come with the kit are {', '.join(bundled_models())}"
    )
