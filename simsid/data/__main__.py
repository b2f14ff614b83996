"""``python -m simsid.data check``: what there is to know of a data set before training on it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from jsonargparse import ArgumentParser

from simsid.cli import command_parser, parse, run_command
from simsid.data.checks.check import REPORT, SHEET, check_data, check_writable, write_check
from simsid.data.checks.render import to_markdown
from simsid.data.load import FILM_SETS
from simsid.data.options import add_choice_options, film_options, naming_unreadable, progress
from simsid.errors import SimsidError
from simsid.files import path_text, roots_text

_CHECK = "check"


def make_parser() -> ArgumentParser:
    """``check`` with a data set, its root, and how films are chosen."""
    check = command_parser(
        "python -m simsid.data check",
        "Count the films of a data set, find duplicates, and tell shortcuts.",
    )
    check.add_argument(
        "--dataset",
        type=str,
        required=True,
        help=f"one of: {', '.join(FILM_SETS)}; or several that are looked at as one, as zhanglab,nih",
    )
    check.add_argument(
        "--data-root",
        type=roots_text,
        required=True,
        help="folder that holds it; of several zhanglab=DIR,nih=DIR",
    )
    check.add_argument(
        "--out",
        type=path_text,
        default=None,
        help=f"folder for {REPORT}.json, {REPORT}.md and {SHEET}; without it nothing is written",
    )
    add_choice_options(check)
    parser = command_parser(
        "python -m simsid.data",
        "Look at data sets.",
    )
    parser.add_subcommands().add_subcommand("check", check)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError, OSError: for ``run_command`` to print.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and _CHECK not in arguments and not {"-h", "--help"} & set(arguments):
        raise SimsidError(
            f"'{_CHECK}' comes first: python -m simsid.data {_CHECK} {shlex.join(arguments)}"
        )
    options = parse(make_parser(), arguments).check
    if options.out is not None:
        check_writable(Path(options.out))
    with naming_unreadable():
        check = check_data(
            options.dataset, options.data_root, film_options(options.as_dict()), progress
        )
    print(to_markdown(check.content))
    if options.out is not None:
        folder = Path(options.out)
        write_check(check, folder)
        print(f"written: {folder / REPORT}.md, {REPORT}.json and {SHEET}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
