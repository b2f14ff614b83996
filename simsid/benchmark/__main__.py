"""``python -m simsid.benchmark COMMAND``: rank models, and look closer at one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

from simsid.cli import run_command, run_subcommand


def _main_of(name: str, arguments: list[str] | None) -> int:
    """Imported when it is asked for: torch takes seconds, and help needs none."""
    return import_module(f"simsid.benchmark.{name}").main(arguments)


_WORDS = {
    "run": "every model on every data set with every seed, ranked",
    "report": "tables and plots of what run measured",
    "speed": "images a second, and milliseconds by component",
    "ablation": "the method without each of its parts, at equal budget",
    "contamination": "the method trained on normals mixed with abnormals",
    "robustness": "a trained model's scores under changed films",
    "patchcore": "memory and time of PatchCore's kinds, and of anomalib's",
    "curves.severity": "AUROC against the strength of DigitAnatomy's anomalies, by kind",
    "curves.shift": "DigitAnatomy in another population, before and after recalibration",
}
_COMMANDS: dict[str, tuple[Callable[..., int], str]] = {
    name.rpartition(".")[2]: (partial(_main_of, name), words) for name, words in _WORDS.items()
}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: an unknown subcommand.
    """
    return run_subcommand("python -m simsid.benchmark", _COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
