"""``python -m demo.bench latency | load | leak``."""

from __future__ import annotations

import sys

from demo.bench import latency, leak, load
from simsid.cli import run_command
from simsid.errors import SimsidError

_COMMANDS = {
    "latency": (latency.main, "from upload to picture, alone on the page, by component"),
    "load": (load.main, "many clients at once: wrong scores, errors, how long the slow ones wait"),
    "leak": (leak.main, "thousands of requests: memory, handles and disk stay flat"),
}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: an unknown subcommand.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print("usage: python -m demo.bench COMMAND …\n")
        for command, (_, text) in _COMMANDS.items():
            print(f"  {command:10} {text}")
        print("\npython -m demo.bench COMMAND --help shows the options of one")
        return 0
    if name not in _COMMANDS:
        raise SimsidError(f"unknown benchmark '{name}'; choose one of: {', '.join(_COMMANDS)}")
    return _COMMANDS[name][0](arguments[1:])


if __name__ == "__main__":
    sys.exit(run_command(main))
