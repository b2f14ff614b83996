"""``python -m simsid.benchmark run | report | speed | ablation | contamination | robustness |
patchcore``."""

from __future__ import annotations

import sys

from simsid.benchmark import ablation, contamination, patchcore, report, robustness, run, speed
from simsid.cli import run_command
from simsid.errors import SimsidError

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
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print("usage: python -m simsid.benchmark COMMAND …\n")
        for command, (_, text) in _COMMANDS.items():
            print(f"  {command:14} {text}")
        print("\npython -m simsid.benchmark COMMAND --help shows the options of one")
        return 0
    if name not in _COMMANDS:
        raise SimsidError(f"unknown benchmark '{name}'; choose one of: {', '.join(_COMMANDS)}")
    return _COMMANDS[name][0](arguments[1:])


if __name__ == "__main__":
    sys.exit(run_command(main))
