"""``python -m simsid.benchmark COMMAND``: rank models, and look closer at one."""

from __future__ import annotations

import sys

from simsid.benchmark import ablation, contamination, patchcore, report, robustness, run, speed
from simsid.cli import run_command, run_subcommand

_COMMANDS = {
    "run": (run.main, "every model on every data set with every seed, ranked"),
    "report": (report.main, "tables and plots of what run measured"),
    "speed": (speed.main, "images a second, and milliseconds by component"),
    "ablation": (ablation.main, "the method without each of its parts, at equal budget"),
    "contamination": (contamination.main, "the method trained on normals mixed with abnormals"),
    "robustness": (robustness.main, "a trained model's scores under changed films"),
    "patchcore": (patchcore.main, "memory and time of PatchCore's kinds, and of anomalib's"),
}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: an unknown subcommand.
    """
    return run_subcommand("python -m simsid.benchmark", _COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
