"""What every command line does with errors: one line, an exit code, no traceback."""

from __future__ import annotations

import atexit
import gc
import os
import re
import sys
import textwrap
from argparse import Action
from collections.abc import Callable

from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter, Namespace

from simsid.errors import SimsidError
from simsid.files import path_text
from simsid.plugins import load_plugin
from simsid.terminal import show_anything
from simsid.threads import set_threads
from simsid.usage import as_typed, usage_in_words

BAD_USAGE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
_NO_MEMORY = re.compile("can't allocate memory|out of memory")  # how torch says it


def run_command(main: Callable[[], int | None]) -> int:
    """Run a command and return its exit code.

    2 for bad input or a bad state of the world (one line on standard error), 130 for Ctrl-C (with the
    words of the KeyboardInterrupt, if it has some), 141 when the reader of our output has gone, else
    what ``main`` returns.
    """
    show_anything()
    # Or Python looks through all of torch as it ends: a second of each command.
    atexit.register(gc.freeze)
    try:
        code = main() or 0
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing to flush at exit
        return BROKEN_PIPE
    except KeyboardInterrupt as stop:
        print(str(stop) or "interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        return _fail(f"{named}{error.strerror or error}")
    except (SimsidError, ValueError) as error:
        return _fail(str(error))
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not _NO_MEMORY.search(str(error)):
            raise
        return _fail(f"not enough memory: take smaller images or batches ({error})")
    return code


def run_subcommand(
    program: str, commands: dict[str, tuple[Callable[..., int], str]], arguments: list[str] | None
) -> int:
    """Hand the rest of the arguments to the subcommand that the first one names.

    Args:
        program: as it is typed, 'python -m simsid.benchmark'.
        commands: for each name its ``main`` and what it is for.
        arguments: None for those of this process.

    Raises:
        SimsidError: there is no such subcommand; the message lists those that there are.
    """
    program, arguments = as_typed(program), sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(f"usage: {program} COMMAND …\n")
        for command, (_, text) in commands.items():
            print(f"  {command:14} {text}")
        print(f"\n{program} COMMAND --help shows the options of one")
        return 0
    if name not in commands:
        raise SimsidError(f"{program} has no '{name}'; choose one of: {', '.join(commands)}")
    return commands[name][0](arguments[1:])


def command_parser(
    program: str, description: str | None = None, example: str | None = None
) -> ArgumentParser:
    """A parser for ``parse``, whose help is written for people who do not read Python.

    Args:
        program: as it is typed, 'python -m simsid.train'; see ``as_typed``.
        example: arguments of a first call, shown at the end of the help.
    """
    program = as_typed(program)
    return ArgumentParser(
        prog=program,
        description=description,
        epilog=f"example: {program} {example}" if example else None,
        exit_on_error=False,
        allow_abbrev=False,  # a slip of the pen must not become --overwrite
        formatter_class=_Help,
    )


class _Help(DefaultHelpFormatter):
    """Defaults that say something, no types of Python, and no name broken at its hyphen."""

    def _get_help_string(self, action: Action) -> str:
        text = super()._get_help_string(action).replace("type: %(type)s", "")
        if action.nargs == 0 or action.default in (None, "", [], {}):
            text = text.replace("default: %(default)s", "")
        if not action.option_strings:
            text = text.replace("required", "")
        text = re.sub(r"(, )+(?=\))|(?<=\()(, )+", "", text)
        return text.replace(" ()", "").replace("()", "")

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width))


GENERAL_OPTIONS = ("plugin", "threads")


def add_general_options(parser: ArgumentParser) -> None:
    """Add ``GENERAL_OPTIONS``; ``parse`` adds them to a command, and this to each subcommand."""
    parser.add_argument(
        "--plugin",
        type=path_text,
        default=None,
        help="Python file with detectors of your own; see docs/add-a-detector.md",
    )
    parser.add_argument(
        "--threads",
        type=int | None,
        default=None,
        help="CPU threads to compute with; by default as many as the process may use cores",
    )


def parse(parser: ArgumentParser, arguments: list[str] | None) -> Namespace:
    """Parse a command line; ``parser`` is made by ``command_parser``.

    Every command also takes ``--plugin FILE.py``, which is run before anything else is done, and
    ``--threads N``. So do subcommands whose parsers have the options.

    Raises:
        SimsidError: bad usage, in one line.
    """
    add_general_options(parser)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = parser.parse_args(arguments)
    except ArgumentError as error:
        told = usage_in_words(parser, str(error), arguments)
        raise SimsidError(f"{told} (see {parser.prog} --help)") from error
    subcommands = [part for part in vars(options).values() if isinstance(part, Namespace)]
    parts = (options, *subcommands)
    wanted = [part.threads for part in parts if part.get("threads") is not None]
    set_threads(wanted[-1] if wanted else None)
    for part in parts:
        if part.get("plugin"):
            load_plugin(part.plugin)
    return options


def _fail(message: str) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return BAD_USAGE
