"""Where the model lies that a path or a name means. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from simsid.detectors.bundled import bundled_folder, is_bundled
from simsid.detectors.model_files import INNER, ModelFolder


def model_folder_of(path: str | Path) -> Path:
    """The model folder that ``path`` names: itself, ``model/`` in a run folder, or 'bundled:NAME'.

    Raises:
        ModelFolderError: there is no bundled model of that name.
    """
    if is_bundled(path):
        return bundled_folder(str(path))
    path = Path(path)
    inner = path / INNER
    return inner if inner.is_dir() and not ModelFolder(path).config.exists() else path


def files_of(model: str | Path) -> list[Path]:
    """What lies in a model's folder; nothing where there is none."""
    folder = model_folder_of(model)
    return sorted(folder.iterdir()) if folder.is_dir() else []
