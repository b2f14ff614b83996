"""What is wrong with a command line, in the words of those who typed it, without types of Python."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simsid.errors import nearest

if TYPE_CHECKING:
    from argparse import Action

    from jsonargparse import ArgumentParser

_KEY = re.compile(r'Parser key "([^"]+)"[^:]*:\s*(.*)', re.DOTALL)
_VALUE = re.compile(r"(?:Got|Given) value: (.*)", re.DOTALL)
_CHOICES = re.compile(r"Expected a typing\.Literal\[(.*?)\]")
_KIND = re.compile(r"Expected a <class '(\w+)'>")
_REQUIRED = re.compile(r"the following arguments are required: (.*)")
_NO_VALUE = re.compile(r"argument ([^:]+): expected (?:one|at least one) argument")
_COMMAND = re.compile(r"argument command: invalid choice: '(.*)' \(choose from (.*)\)")
_UNKNOWN = re.compile(r"unrecognized arguments: (.*)", re.DOTALL)
_PROGRAM = re.compile(r"python -m (?:simsid\.|(?=hub\b))(.+)")
_HELP_AND_MORE = re.compile(r"argument -h/--help: ignored explicit argument '(.*)'", re.DOTALL)
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "given setting by setting, as {option}.NAME VALUE",
}


def as_typed(program: str) -> str:
    """A program by the door its user came in: 'simsid score' for 'python -m simsid.score'.

    Args:
        program: as it is typed without the console script ``simsid``, and without ``-m simsid``.
    """
    came = Path(sys.argv[0])
    if came.stem == "simsid":
        door = "simsid"
    elif came.parts[-2:] == ("simsid", "__main__.py"):
        door = "python -m simsid"
    else:
        return program
    if program == "python app.py":
        return f"{door} page"
    found = _PROGRAM.fullmatch(program)
    return f"{door} {found[1]}" if found else program


def usage_in_words(parser: ArgumentParser, message: str, arguments: Sequence[str]) -> str:
    """One line for what ``parser`` says of a command line, ``arguments``, that it refuses.

    A value that an option does not take is told as '--engine must be one of torch, onnx, not 'onx''.
    What is none of the known kinds stays in the parser's words.
    """
    if found := _KEY.fullmatch(message):
        option = _as_typed(parser, found[1])
        return _value_in_words(option, found[2]) or f"{option}: {found[2]}"
    if found := _REQUIRED.fullmatch(message):
        return f"please give {', '.join(_as_typed(parser, key) for key in found[1].split(', '))}"
    if found := _NO_VALUE.fullmatch(message):
        return f"{found[1]} needs a value behind it"
    if found := _COMMAND.fullmatch(message):
        return f"there is no command '{found[1]}'; choose one of: {found[2].replace(chr(39), '')}"
    if found := _HELP_AND_MORE.fullmatch(message):
        return _file_in_words(f"-h{found[1]}") or message
    if found := _UNKNOWN.fullmatch(message):
        return _unknown_in_words(parser, found[1], arguments) or message
    return message


def _unknown_in_words(parser: ArgumentParser, told: str, arguments: Sequence[str]) -> str:
    """What the first unknown argument is: a file that looks like an option, or a slip; '' if neither.

    Args:
        told: all unknown arguments in their order; the first holds no blank, or it were no option.
    """
    first = told.partition(" ")[0]
    if file := _file_in_words(first):
        return file
    option = first.partition("=")[0]
    if not option.startswith("--"):
        return ""
    names = _options(parser, arguments)
    longer = [name for name in names if name.startswith(option)]
    meant = nearest(option, longer or names, "--")
    return f"there is no option {option}; {meant.strip()}" if meant else ""


def _file_in_words(name: str) -> str:
    """The remedy for a file whose name looks like an option; '' where there is no such file."""
    if not name.startswith("-") or not Path(name).exists():
        return ""
    return f"{name} begins with -: write ./{name}, or name its folder"


def _options(parser: ArgumentParser, arguments: Sequence[str]) -> list[str]:
    """The long options of the parser and of the subcommand that the arguments name."""
    names: list[str] = []
    for action in parser._actions:
        names += [name for name in action.option_strings if name.startswith("--")]
        if isinstance(action.choices, dict):
            below = next((each for each in arguments if each in action.choices), None)
            names += _options(action.choices[below], arguments) if below else []
    return list(dict.fromkeys(names))


def _value_in_words(option: str, told: str) -> str:
    """What the option takes instead of what it got; '' where that is not known."""
    value, choices = _VALUE.search(told), _CHOICES.search(told)
    kinds = [_KINDS[kind] for kind in _KIND.findall(told) if kind in _KINDS]
    if choices:
        kinds.append(f"one of {choices[1].replace(chr(39), '')}")
    if value is None or not kinds:
        return ""
    wanted = " or ".join(dict.fromkeys(kinds)).format(option=option)
    return f"{option} must be {wanted}, not '{value[1].strip()}'"


def _as_typed(parser: ArgumentParser, key: str) -> str:
    """'--batch-size' of 'batch_size', 'MODEL' of what has no option before it."""
    for action in _actions(parser):
        if action.dest == key.rpartition(".")[2]:
            return action.option_strings[-1] if action.option_strings else action.dest.upper()
    return "--" + key.replace("_", "-")


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    """Of the parser and of its subcommands."""
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from _actions(below)
