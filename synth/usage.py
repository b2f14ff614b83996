"""A command line that is refused is told in one line, in the words that every command of the kit has."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

from synth.errors import SynthError

_COMMAND = re.compile(r"argument command: invalid choice: '(.*)' \(choose from (.*)\)")
_CHOICE = re.compile(r"argument (.*?): invalid choice: '?(.*?)'? \(choose from (.*)\)")
_KIND = re.compile(r"argument (.*?): invalid (int|float) value: '(.*)'", re.DOTALL)
_NO_VALUE = re.compile(r"argument (.*?): expected (?:one|at least one) argument")
_REQUIRED = re.compile(r"the following arguments are required: (.*)")
_KINDS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """argparse's, which raises where that one prints its usage and ends the process."""

    def error(self, message: str) -> NoReturn:
        """What is wrong with the command line.

        Raises:
            SynthError: always.
        """
        raise SynthError(f"{usage_in_words(message, self._commands())} (see {self.prog} --help)")

    def _commands(self) -> tuple[str, ...]:
        kinds = [each for each in self._actions if isinstance(each, argparse._SubParsersAction)]
        return tuple(name for each in kinds for name in each.choices)


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
