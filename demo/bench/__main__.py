"""``python -m demo.bench latency | load | leak``."""

from __future__ import annotations

import sys

from demo.bench import latency, leak, load
from simsid.cli import run_command, run_subcommand

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
    return run_subcommand("python -m demo.bench", _COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
