"""``python -m simsid.benchmark COMMAND``: rank models, and look closer at one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

from simsid.cli import run_command, run_subcommand


def _main_of(module: str, arguments: list[str] | None) -> int:
    """Imported when it is asked for: torch takes seconds, and help needs none."""
    main: Callable[[list[str] | None], int] = import_module(f"simsid.benchmark.{module}").main
    return main(arguments)


_WORDS = {
    "ranking.run": "every model on every data set with every seed, ranked",
    "ranking.report": "tables and plots of what run measured",
    "cost.speed": "images a second, and milliseconds by component",
    "cost.gpu": "agreement with the CPU, and speed beside the ceiling, on a GPU",
    "cost.scoring": "speed of scoring beside an earlier commit's",
    "sweeps.ablation": "the method without each of its parts, at equal budget",
    "sweeps.contamination": "the method trained on normals mixed with abnormals",
    "sweeps.robustness": "a trained model's scores under changed films",
    "cost.patchcore": "memory and time of PatchCore's kinds, and of anomalib's",
    "curves.severity": "AUROC against the strength of DigitAnatomy's anomalies, by kind",
    "ceiling.supervised": "how much a data set holds: a network trained with labels, never ranked",
    "curves.shift": "DigitAnatomy in another population, before and after recalibration",
}
_COMMANDS: dict[str, tuple[Callable[..., int], str]] = {
    module.rpartition(".")[2]: (partial(_main_of, module), words)
    for module, words in _WORDS.items()
}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: an unknown subcommand.
    """
    return run_subcommand("python -m simsid.benchmark", _COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
