"""Experiment trackers: a run's settings, losses and results, where people keep those of all runs.

The trackers are accelerate's. Paths stay here: only names of choices and numbers leave.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

from simsid.errors import TrainingError, first_line

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker
    from typing_extensions import Self

TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")
_PROJECT = "simsid"
_log = logging.getLogger(__name__)


def tracker_names(text: str | None, tensorboard: bool | None = False) -> tuple[str, ...]:
    """Names from 'mlflow,tensorboard', each once; and TensorBoard's where it was asked for apart.

    Raises:
        TrainingError: there is no such tracker, or it is not installed.
    """
    parts = [*(text or "").split(","), "tensorboard" if tensorboard else ""]
    names = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    installed = {str(name) for name in get_available_trackers()} if names else set()
    for name in names:
        if name not in TRACKERS:
            raise TrainingError(
                f"--log-with knows no '{name}'; choose among: {', '.join(TRACKERS)}"
            )
        if name not in installed:
            raise TrainingError(
                f"--log-with {name} needs {name}, which is not installed: "
                f"pip install 'simsid-kit[{name}]'"
            )
    return names


class Trackers:
    """The trackers of one run; as a context manager it opens and closes them.

    A tracker that fails on the way is left out, and training goes on.

    Args:
        names: by ``tracker_names``.
        run: the run folder; its name names the run, and TensorBoard's events lie in it.
        settings: numbers and names of choices, nested as they like.
    """

    def __init__(self, names: Sequence[str], run: Path, settings: Mapping[str, Any]) -> None:
        self._names, self._run, self._settings = names, run, dict(_flat(settings))
        self._open: list[GeneralTracker] = []

    def __enter__(self) -> Self:
        """Open each tracker and tell it the settings.

        Raises:
            TrainingError: one cannot be opened; it is named.
        """
        for name in self._names:
            try:
                tracker = _build(name, self._run)
                tracker.start()
                self._open.append(tracker)
                tracker.store_init_configuration(self._settings)
            except Exception as error:  # each has errors of its own
                self.__exit__(None, None, None)
                raise TrainingError(
                    f"--log-with {name} does not begin: {first_line(error)}"
                ) from error
        return self

    def __exit__(self, *failure: object) -> None:
        self._each(lambda tracker: tracker.finish())
        self._open = []

    def log(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Hand on the numbers of log lines, each at its ``step``; 'critic.loss' is 'critic/loss'."""
        for line in lines:
            values = {k.replace(".", "/"): v for k, v in line.items() if isinstance(v, float)}
            step = line["step"]
            self._each(lambda tracker, values=values, step=step: tracker.log(values, step=step))

    def _each(self, act: Callable[[GeneralTracker], object]) -> None:
        for tracker in list(self._open):
            try:
                act(tracker)
            except Exception as error:  # a server that went away costs no training
                self._open.remove(tracker)
                _log.warning("--log-with %s takes no more: %s", tracker.name, first_line(error))


def _build(name: str, run: Path) -> GeneralTracker:
    options: dict[str, dict[str, Any]] = {
        "tensorboard": {"run_name": "tensorboard", "logging_dir": run},
        "wandb": {"run_name": _PROJECT, "name": run.name, "dir": run},
        "mlflow": {"experiment_name": _PROJECT, "run_name": run.name},
        "trackio": {"run_name": _PROJECT, "name": run.name, "resume": "allow"},
    }
    return LOGGER_TYPE_TO_CLASS[name](**options[name])


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value if isinstance(value, bool | int | float) else str(value)
