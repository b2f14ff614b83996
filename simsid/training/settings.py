"""The options of a training as its run folder keeps them: where it lies, and what resumes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from simsid.detectors.config import DetectorConfig
from simsid.detectors.model_folder import check_replaceable
from simsid.errors import SimsidError
from simsid.files import write_text
from simsid.training.run_folder import (
    RunFolder,
    latest_run_path,
    new_run_path,
    require_new_run,
)

# What --resume may be given beside: where and on what to run, not what to compute.
_FREE_ON_RESUME = {
    *("run", "resume", "device", "config", "data_root", "report", "log_with", "tensorboard"),
    "plugin",
}
_NOT_KEPT = ("config", "run", "resume", "threads")  # these are of a machine, not of a training


def run_path(settings: Mapping[str, Any]) -> Path:
    """The run folder that these options name, or a free one, or the newest to go on with.

    Raises:
        SimsidError: it holds a run already, or there is none to resume.
    """
    if settings["run"] is not None:
        folder = RunFolder(settings["run"])
        if settings["resume"]:
            check_replaceable(folder.model)
        else:
            require_new_run(folder.path)
        return folder.path
    base = usual_path(settings)
    if not settings["resume"]:
        return new_run_path(base)
    found = latest_run_path(base)
    if found is None:
        raise SimsidError(f"no run to resume at {base}: give its folder with --run")
    return found


def usual_path(settings: Mapping[str, Any]) -> Path:
    """The run folder of the first run with this data, model and seed."""
    data, model = settings["dataset"].replace(",", "+"), settings["model"].replace(":", "-")
    return Path("runs") / f"{data}-{model}-{settings['seed']}"


def resumed_settings(
    settings: Mapping[str, Any], typed: Mapping[str, Any], folder: RunFolder
) -> dict[str, Any]:
    """The run's own settings; what was typed beside must not contradict them.

    Args:
        settings: every option, defaults included.
        typed: only those that were typed.

    Raises:
        SimsidError: they do, or the run's settings are missing or damaged.
    """
    saved = _read(folder.config)
    for key, value in typed.items():
        if key in saved and key not in _FREE_ON_RESUME and value != saved[key]:
            raise SimsidError(
                f"--resume goes on with the run's own settings: --{key.replace('_', '-')} was "
                f"{saved[key]}, not {value}. Leave it out, or start a new run"
            )
    free = {key: value for key, value in typed.items() if key in _FREE_ON_RESUME}
    return without_idle({**settings, **saved, **free}, saved)


def without_idle(settings: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Without what changed nothing in a run of before, and is refused of a new one: ``digits_root``.

    Args:
        settings: every option. saved: those of them that a file holds; what was typed stays.
    """
    root = settings["digits_root"]
    idle = settings["digits"] != "mnist" and settings["track"] is None
    if idle and root is not None and saved.get("digits_root") == root:
        return {**settings, "digits_root": None}
    return dict(settings)


def configured(files: Sequence[Any]) -> dict[str, Any]:
    """What the files of ``--config`` hold, which the parser has read before."""
    held: dict[str, Any] = {}
    for file in files:
        held |= yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {}
    return held


def write_settings(folder: RunFolder, settings: Mapping[str, Any], config: DetectorConfig) -> None:
    """Everything needed to train this again: ``--config config.yaml``."""
    content = {key: value for key, value in settings.items() if key not in _NOT_KEPT}
    content["detector"] = _plain(dataclasses.asdict(config))
    folder.claim()
    folder.metrics.unlink(missing_ok=True)  # left by a start that never reached a checkpoint
    write_text(folder.config, yaml.safe_dump(content, sort_keys=False))


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        raise SimsidError(f"no run to resume at {file.parent}: {file.name} is missing")
    try:
        saved = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SimsidError(f"{file} is damaged: {error}") from error
    if not isinstance(saved, dict) or "dataset" not in saved or "detector" not in saved:
        raise SimsidError(f"{file} is damaged: it does not hold a run's settings")
    return saved


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
