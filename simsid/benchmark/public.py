"""What of a ranking may be shown to everybody: no path of the machine, no picture of a film."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from simsid.benchmark.record_files import file_stem
from simsid.benchmark.records import CaseSummary
from simsid.benchmark.summary import Lines
from simsid.errors import SimsidError
from simsid.files import real_path
from simsid.outputs import json_object

_PLOTS = ("roc.png", "kinds.png", "cost.png")
_PANELS = "panels-{}.png"
_MOST_BYTES = 1_500_000  # of a picture that goes with the results
_OPTIONS = ("--data-root", "--digits", "--digits-root", "--plugin")
_PLACES = {
    "--out": "OUT",
    "--export": "EXPORT",
    "--figure": "FIGURE.png",
    "--model": "MODEL",
    "--anomalib-python": "PYTHON",
}


def panels_file(dataset: str) -> str:
    """Name of the picture that shows a data set's images by every method."""
    return _PANELS.format(file_stem(dataset))


def copy_plots(folder: Path, target: Path) -> list[str]:
    """Copy the plots, and small panels of generated images only; plots of an earlier export go.

    Returns:
        The names of the panels that were left out.

    Raises:
        SimsidError: ``target`` is ``folder``.
    """
    if real_path(target) == real_path(folder):
        raise SimsidError(f"--export must name another folder than {folder}")
    target.mkdir(parents=True, exist_ok=True)
    for old in (*map(target.joinpath, _PLOTS), *target.glob(_PANELS.format("*"))):
        old.unlink(missing_ok=True)
    wanted = list(_PLOTS)
    left_out: list[str] = []
    for file in sorted((folder / "data").glob("*.json")):
        drawn = json_object(file).get("made_by_the_kit") is True
        panels = folder / panels_file(file.stem)
        small = not panels.exists() or panels.stat().st_size <= _MOST_BYTES
        (wanted if drawn and small else left_out).append(panels.name)
    for name in wanted:
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    return left_out


def without_pictures(page: str, names: list[str]) -> str:
    """The Markdown without these pictures and the captions below them."""
    for name in names:
        page = re.sub(rf"!\[[^\]]*\]\({re.escape(name)}\)\n\n\*[^\n]*\*\n", "", page)
    return page


def public_lines(lines: Lines) -> Lines:
    """Journal lines with placeholders for the files and folders that their commands name.

    What a failed row says may name any file: only its first words are kept.
    """
    shown = {}
    for key, line in lines.items():
        line = dict(line)
        if "command" in line:
            line["command"] = public_command(line["command"], line["dataset"])
        if "error" in line:
            line["error"] = line["error"].partition(":")[0] + ", see the log"
        shown[key] = line
    return shown


def public_command(command: str, dataset: str) -> str:
    """The command with a word in place of each path, such as ZHANGLAB_ROOT."""
    words = shlex.split(command)
    for place, (option, value) in enumerate(pairwise(words)):
        if option in _OPTIONS and _is_path(option, value):
            words[place + 1] = _placeholder(option, value, dataset)
    return shlex.join(words)


def public_run(command: str) -> str:
    """The benchmark's own command with a word in place of each path."""
    words = _words(command)
    for place, (option, value) in enumerate(pairwise(words)):
        if option == "--data-root":
            names = [part.partition("=")[0] for part in value.split(",")]
            words[place + 1] = ",".join(f"{name}={name.upper()}_ROOT" for name in names)
        elif option == "--out":
            words[place + 1] = "OUT"
        elif option in _OPTIONS and _is_path(option, value):
            words[place + 1] = _placeholder(option, value, "")
    return shlex.join(words)


def public_sweep(command: str, dataset: str) -> str:
    """The command of a benchmark of one data set, with a word in place of each path.

    ``--model`` stays where it is a plain name.
    """
    words = _words(command)
    for place, (option, value) in enumerate(pairwise(words)):
        if option in _OPTIONS and _is_path(option, value):
            words[place + 1] = _placeholder(option, value, dataset)
        elif option in _PLACES and (option != "--model" or re.search(r"[/\\~]", value)):
            words[place + 1] = _PLACES[option]
    return shlex.join(words)


def public_summary(summary: Sequence[CaseSummary]) -> list[CaseSummary]:
    """What ``summarise`` gives; of what failed, which may name any file, the first words alone."""

    def kind(text: str) -> str:
        return ":".join(text.split(":")[:2]) + ", see rows.jsonl"

    return [replace(entry, failed=tuple(map(kind, entry.failed))) for entry in summary]


def public_path(option: str, value: str) -> str:
    """The value of an option, or a word in its place where it is a path."""
    return _placeholder(option, value, "digitanatomy") if _is_path(option, value) else value


def _words(command: str) -> list[str]:
    """Options and values apart, also where they were typed as ``--out=DIR``."""
    words: list[str] = []
    for word in shlex.split(command):
        words += word.split("=", 1) if word.startswith("--") else [word]
    return words


def _is_path(option: str, value: str) -> bool:
    return option != "--digits" or "/" in value or "." in value


def _placeholder(option: str, value: str, dataset: str) -> str:
    if option == "--data-root":
        return f"{dataset.partition(':')[0].upper()}_ROOT"
    if option == "--plugin":
        return "PLUGIN.py"
    return "DIGITS" + (Path(value).suffix if option == "--digits" else "_ROOT")
