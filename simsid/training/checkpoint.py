"""One file holds everything a run needs to go on; it is whole at any moment, even under SIGKILL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from simsid.errors import TrainingError, first_line

FORMAT_VERSION = 1


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write beside, flush to disk, then rename over: readers see the old file or the new one.

    Raises:
        TrainingError: the disk is full or the folder read-only; the old checkpoint is kept.
    """
    draft = path.with_name(path.name + ".draft")
    try:
        with open(draft, "wb") as file:
            torch.save({"format_version": FORMAT_VERSION, **content}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as RuntimeError
        draft.unlink(missing_ok=True)
        kept = "the previous checkpoint is kept" if path.exists() else "there is no checkpoint yet"
        raise TrainingError(f"cannot write {path}: {_reason(error)}; {kept}") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU; tensors and plain values only, nothing that could run.

    Raises:
        TrainingError: missing, damaged, or of another format.
    """
    if not path.exists():
        raise TrainingError(f"no checkpoint at {path}: start without --resume")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged archive
        raise TrainingError(f"{path} is damaged: {_reason(error)}") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise TrainingError(f"{path} has format {version}, this version reads {FORMAT_VERSION}")
    return content


def _reason(error: BaseException) -> str:
    cause = error.__context__ if isinstance(error, RuntimeError) and error.__context__ else error
    return getattr(cause, "strerror", None) or first_line(cause)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
