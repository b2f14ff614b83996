"""A command line that is refused is told in one line, in the words that every command of the kit has."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from synth.errors import SynthError

_COMMAND = re.compile(r"argument command: invalid choice: '(.*)' \(choose from (.*)\)")
_CHOICE = re.compile(r"argument (.*?): invalid choice: '?(.*?)'? \(choose from (.*)\)")
_KIND = re.compile(r"argument (.*?): invalid (int|float) value: '(.*)'", re.DOTALL)
_NO_VALUE = re.compile(r"argument (.*?): expected (?:one|at least one) argument")
_REQUIRED = re.compile(r"the following arguments are required: (.*)")
_UNKNOWN = re.compile(r"unrecognized arguments: (--[^\s=]+).*", re.DOTALL)
_KINDS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """argparse's, which raises where that one prints its usage and ends the process."""

    def __init__(self, **settings: Any) -> None:
        """Options are taken as they are spelled out: a slip of the pen must not become --overwrite."""
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """What is wrong with the command line.

        Raises:
            SynthError: always.
        """
        told = usage_in_words(message, self._commands())
        if found := _UNKNOWN.fullmatch(message):
            names = {name.lstrip("-") for name in _options(self)}
            meant = difflib.get_close_matches(found[1].lstrip("-"), names, 1)
            told = f"there is no option {found[1]}; did you mean --{meant[0]}?" if meant else told
        raise SynthError(f"{told} (see {self.prog} --help)")

    def _commands(self) -> tuple[str, ...]:
        kinds = [each for each in self._actions if isinstance(each, argparse._SubParsersAction)]
        return tuple(name for each in kinds for name in each.choices)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Of the parser and of its subcommands."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from _options(below)


def usage_in_words(message: str, commands: tuple[str, ...] = ()) -> str:
    """What argparse says, without types of Python; what is of no known kind stays as it is.

    Args:
        commands: those of which one is needed.
    """
    if found := _COMMAND.fullmatch(message):
        return f"there is no command '{found[1]}'; choose one of: {found[2].replace(chr(39), '')}"
    if found := _CHOICE.fullmatch(message):
        return f"{found[1]} must be one of {found[3].replace(chr(39), '')}, not '{found[2]}'"
    if found := _KIND.fullmatch(message):
        return f"{found[1]} must be {_KINDS[found[2]]}, not '{found[3]}'"
    if found := _NO_VALUE.fullmatch(message):
        return f"{found[1]} needs a value behind it"
    if found := _REQUIRED.fullmatch(message):
        if commands and found[1] == "command":
            return f"name a command: {', '.join(commands)}"
        return f"please give {found[1]}"
    return message
