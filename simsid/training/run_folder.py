"""A run's folder: its name, its lock, its metrics.

``config.yaml  metrics.jsonl  checkpoint.pt  model/  report/``
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from simsid.detectors.model_files import CHECKPOINT, INNER, ModelFolder
from simsid.errors import TrainingError
from simsid.locked_folder import LockedFolder
from simsid.outputs import check_is_folder, is_marked, mark

_COMMAND = "simsid.train"


class RunFolder(LockedFolder):
    """Paths of one run; as a context manager it holds the lock that keeps a second training out."""

    work, remedy = "training", "choose another --run"
    error = TrainingError

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self.config = self.path / "config.yaml"
        self.metrics = self.path / "metrics.jsonl"
        self.checkpoint = self.path / CHECKPOINT
        self.model = self.path / INNER
        self.report = self.path / "report"

    @property
    def holds_model(self) -> bool:
        """Whether training came to its end."""
        return ModelFolder(self.model).config.exists()

    def claim(self) -> None:
        """Leave word that what training writes here is its own; see ``require_new_run``."""
        mark(self.path, _COMMAND)

    def append_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Add lines to ``metrics.jsonl``.

        Raises:
            TrainingError: the file cannot be written.
        """
        try:
            with open(self.metrics, "a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
        except OSError as error:
            raise TrainingError(f"cannot write {self.metrics}: {error.strerror}") from error

    def truncate_metrics(self, last_step: int) -> None:
        """Drop what was logged after ``last_step``: a resumed run logs those steps again."""
        if not self.metrics.exists():
            return
        kept = [
            line for line in _complete_lines(self.metrics) if json.loads(line)["step"] <= last_step
        ]
        draft = self.metrics.with_name(self.metrics.name + ".draft")
        draft.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        draft.replace(self.metrics)


def _complete_lines(path: Path) -> list[str]:
    """Lines that parse; a kill may have cut the last one."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            json.loads(line)
        except ValueError:
            break
        lines.append(line)
    return lines


def require_new_run(path: Path) -> None:
    """Refuse a folder in which training would write over something.

    What a start left that never reached a checkpoint is its own, by the mark it made.

    Raises:
        SimsidError: it is a file, holds a run, or holds a file or folder of somebody else.
    """
    check_is_folder(path, "--run")
    if (path / "checkpoint.pt").exists() and (path / "config.yaml").exists():
        raise TrainingError(
            f"{path} holds a run already: add --resume to go on with it, or choose another --run"
        )
    found = [name for name in _WRITTEN if os.path.lexists(path / name)]
    if not found or (is_marked(path, _COMMAND) and "model" not in found):
        return
    whose = "a trained model already" if is_marked(path, _COMMAND) else f"{found[0]} already"
    raise TrainingError(f"{path} holds {whose}: nothing was changed. Choose another --run")


_WRITTEN = (
    *("checkpoint.pt", "config.yaml", "metrics.jsonl", "model", "report", "tensorboard", "wandb"),
    *("checkpoint.pt.draft", "metrics.jsonl.draft"),
)


def new_run_path(base: Path) -> Path:
    """``base``, or ``base-2``, ``base-3``, ... when it exists already."""
    path, count = base, 1
    while path.exists():
        count += 1
        path = base.with_name(f"{base.name}-{count}")
    return path


def latest_run_path(base: Path) -> Path | None:
    """The newest of ``base``, ``base-2``, ... that holds a checkpoint."""
    found = [base, *base.parent.glob(f"{base.name}-*")]
    dated = {path: file.stat().st_mtime for path in found
             if (file := RunFolder(path).checkpoint).exists()}  # fmt: skip
    return max(dated, key=dated.__getitem__, default=None)


def run_folder_around(model: str | Path) -> RunFolder | None:
    """The run folder that ``model`` is, or lies in, by its training log; None where there is none."""
    for path in (Path(model), Path(model).parent):
        folder = RunFolder(path)
        if folder.metrics.exists():
            return folder
    return None
