"""``simsid COMMAND``: every command of the kit by one name, also as ``python -m simsid COMMAND``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from simsid.cli import run_command, run_subcommand
from simsid.errors import SimsidError

_KIT = Path(__file__).resolve().parents[1]
_PACKAGES = ("synth", "hub", "demo")
# By name, and imported when asked for: hub and the page stand above this package, torch takes
# seconds, and help needs neither.
_COMMANDS = {
    "train": ("simsid.train", "train a detector on normal films, calibrate it, report"),
    "score": ("simsid.score", "score films with a trained model"),
    "recalibrate": ("simsid.recalibrate", "set a model's thresholds anew, from local normals"),
    "review": ("simsid.review", "look at scored films, mark them, see how the model did"),
    "examine": ("simsid.examine", "what a model sees and what it does not, from normals alone"),
    "evaluate": ("simsid.evaluate", "measure a trained model on labelled films"),
    "benchmark": ("simsid.benchmark.__main__", "rank models, and look closer at one"),
    "data": ("simsid.data.__main__", "look at a data set before training on it"),
    "hub": ("hub.__main__", "share and fetch trained models"),
    "page": ("demo.launch", "open the page in a browser"),
}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: an unknown subcommand, or a foreign package in the way.
    """
    check_packages()
    commands: dict[str, tuple[Callable[..., int], str]] = {
        name: (partial(_main_of, module), words) for name, (module, words) in _COMMANDS.items()
    }
    return run_subcommand("simsid", commands, arguments)


def check_packages() -> None:
    """Make sure that ``synth``, ``hub`` and ``demo`` are the kit's: the names are common ones.

    Raises:
        SimsidError: another package of that name comes first on the path.
    """
    for name in _PACKAGES:
        spec = find_spec(name)
        found = [
            Path(place).resolve() for place in (spec and spec.submodule_search_locations) or ()
        ]
        if not found and spec and spec.origin:
            found = [Path(spec.origin)]
        if _KIT / name not in found:
            where = f"{found[0]} is in its way" if found else "it is not installed"
            raise SimsidError(
                f"the kit's package '{name}' cannot be imported: {where}. Run the command from "
                "another folder, or install the kit in an environment of its own"
            )


def _main_of(module: str, arguments: list[str] | None) -> int:
    return import_module(module).main(arguments)


def _synth() -> int:
    check_packages()
    return import_module("synth.cli").main()


def run() -> int:
    """The console script ``simsid``."""
    return run_command(main)


def run_synth() -> int:
    """The console script ``synth``."""
    return run_command(_synth)


if __name__ == "__main__":
    sys.exit(run())
