"""The command line's options, with their defaults and help."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from synth.config import SPLITS, AnatomyConfig
from synth.errors import SynthError
from synth.glyphs import SOURCES
from synth.layouts import LAYOUTS
from synth.plan import DatasetConfig
from synth.population import POPULATIONS, load_population
from synth.tracks import TRACKS
from synth.usage import Parser
from synth.version import VERSIONS

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[Parser]

Run = Callable[[argparse.Namespace], int]
"""A command: from its parsed options to its exit status."""

_Add = Callable[..., argparse.Action]  # a parser's add_argument
_ANATOMY = AnatomyConfig()
_DATASET = DatasetConfig()
_FROZEN = {
    **{name: getattr(_DATASET, name) for name in ("train", "val", "test_normal", "test_per_kind")},
    **{name: getattr(_ANATOMY, name) for name in (
        "contamination", "digits", "seed", "difficulty", "rows", "cols", "cell", "generator",
        "starts", "population")},
    "kinds": None, "order": None, "population_strength": _ANATOMY.strength,
}  # fmt: skip


def anatomy_of(options: argparse.Namespace) -> AnatomyConfig:
    """Build the anatomy's parameters from parsed options.

    Raises:
        SynthError: an option has a value that cannot be used.
    """
    order = options.order
    if order is None:
        cells = max(options.rows, 0) * max(options.cols, 0)
        order = (_ANATOMY.order * (cells // 9 + 1))[:cells] if cells <= 256 else ""
    population = None if options.population is None else load_population(options.population)
    if population is None and options.population_strength != _ANATOMY.strength:
        raise SynthError("--population-strength belongs to --population: name one, or leave it out")
    if population is None and options.digits_root is not None and options.digits != "mnist":
        raise SynthError("--digits-root belongs to --digits mnist: leave it out")
    return AnatomyConfig(
        options.rows, options.cols, order, options.cell, options.digits, options.digits_root,
        options.seed, options.difficulty, getattr(options, "contamination", 0.0),
        options.generator, options.starts, population, options.population_strength,
    )  # fmt: skip


def _refuse_frozen(options: Mapping[str, object]) -> None:
    """Refuse options beside ``--track`` that the track has frozen."""
    for name, default in _FROZEN.items():
        if options[name] != default:
            raise SynthError(
                f"--track {options['track']} has its own {name.replace('_', '-')}; leave out "
                f"--{name.replace('_', '-')}, or --track"
            )


class _HelpFormat(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults where there are any, and keeps the examples' line breaks."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


def parse(
    arguments: list[str] | None, generate: Run, verify: Run, preview: Run, medmix: Run
) -> argparse.Namespace:
    """Parse the command line.

    Args:
        arguments: without the program's name; None takes those of the process.
        generate, verify, preview, medmix: the functions of the four commands.

    Returns:
        The options; ``run`` is the chosen command's function.

    Raises:
        SynthError: bad usage, or an option stands beside ``--track`` that the track has frozen.
    """
    parser = Parser(
        prog="synth" if Path(sys.argv[0]).stem == "synth" else "python -m synth",
        description="DigitAnatomy: a synthetic anomaly-detection benchmark with exact truth.",
        epilog="example:\n  python -m synth generate --out data/digits --seed 1\n"
        "  python -m synth verify data/digits\n  python -m synth preview --out sheet.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    versions = " and ".join(VERSIONS.values())
    parser.add_argument("--version", action="version", version=f"DigitAnatomy {versions}")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_generate(commands, generate)
    _add_verify(commands, verify)
    _add_preview(commands, preview)
    _add_medmix(commands, medmix)
    options = parser.parse_args(arguments)
    if getattr(options, "track", None) is not None:
        _refuse_frozen(vars(options))
    return options


def _path(text: str) -> Path:
    """A path, in which ``~`` is the user's home, as in a shell."""
    return Path(text).expanduser()


# fmt: off
def _add_generate(commands: _Commands, run: Run) -> None:
    parser = commands.add_parser(
        "generate",
        help="write a data set into a folder",
        description="Write a data set into a new or empty folder.",
        epilog="example:\n  python -m synth generate --out data/digits --train 1600 "
        "--digits digits.npz --layout imagefolder",
        formatter_class=_HelpFormat,
    )
    add = parser.add_argument
    add("--out", type=_path, required=True, metavar="DIR", help="folder to write")
    add("--train", type=int, metavar="N", default=_DATASET.train, help="training images")
    add("--val", type=int, metavar="N", default=_DATASET.val,
        help="normal validation images; the kinds share as many abnormal ones")
    add("--test-normal", type=int, metavar="N", default=_DATASET.test_normal,
        help="normal test images")
    add("--test-per-kind", type=int, metavar="N", default=_DATASET.test_per_kind,
        help="test images of each abnormal kind")
    add("--kinds", nargs="+", metavar="KIND", default=None,
        help="abnormal kinds (default: all that the generator and the order allow; "
        "`preview` shows them)")
    add("--contamination", type=float, metavar="F", default=_ANATOMY.contamination,
        help="fraction of the training images that are abnormal")
    add("--layout", choices=tuple(LAYOUTS), default=_DATASET.layout, help="how files are laid out")
    add("--track", choices=tuple(TRACKS), default=None,
        help="a benchmark with frozen seeds and settings; see docs/digitanatomy.md")
    add("--workers", type=int, metavar="N", default=1,
        help="number of processes; several pay off from ten thousand images")
    add("--overwrite", action="store_true",
        help="replace a data set that this command wrote before")
    _add_anatomy(add)
    parser.set_defaults(run=run)


def _add_verify(commands: _Commands, run: Run) -> None:
    parser = commands.add_parser(
        "verify",
        help="check a data set against its manifest",
        description="Re-read every file and compare it with the manifest. Exit status 0 if all "
        "match, 1 if not.",
        epilog="example:\n  python -m synth verify data/digits",
        formatter_class=_HelpFormat,
    )
    parser.add_argument("folder", type=_path, metavar="DIR", help="folder of the data set")
    parser.set_defaults(run=run)


def _add_preview(commands: _Commands, run: Run) -> None:
    parser = commands.add_parser(
        "preview",
        help="draw a contact sheet of every kind",
        description="Draw examples of every kind, with the truth outlined.",
        epilog="example:\n  python -m synth preview --out sheet.png --difficulty 0.8",
        formatter_class=_HelpFormat,
    )
    add = parser.add_argument
    add("--out", type=_path, required=True, metavar="FILE", help="picture to write")
    add("--overwrite", action="store_true", help="replace a file that is no sheet of this command")
    add("--columns", type=int, metavar="N", default=6, help="examples of each kind")
    add("--split", choices=SPLITS, default="test", help="part of the set that the glyphs come from")
    _add_anatomy(add)
    parser.set_defaults(run=run)


def _add_medmix(commands: _Commands, run: Run) -> None:
    parser = commands.add_parser(
        "medmix",
        help="paste synthetic lesions into normal films: a labelled test set with masks",
        description="Turn a folder of normal films into a test set: some stay as they are, others "
        "get one to three lesions cut from other films (MedMix), with exact masks. Takes 8- and "
        "16-bit pictures, not DICOM.",
        epilog="example:\n  python -m synth medmix --films NORMALS --out films-medmix --train 400",
        formatter_class=_HelpFormat,
    )
    add = parser.add_argument
    add("--films", type=_path, required=True, metavar="DIR", help="folder of normal films")
    add("--out", type=_path, required=True, metavar="DIR", help="folder to write")
    add("--train", type=int, metavar="N", default=0,
        help="films that stay as they are and go to the training part")
    add("--normal-share", type=float, metavar="F", default=0.5,
        help="share of the test films that stay normal")
    add("--seed", type=int, metavar="S", default=0, help="random seed")
    add("--layout", choices=tuple(LAYOUTS), default=_DATASET.layout, help="how files are laid out")
    add("--overwrite", action="store_true",
        help="replace a data set that this package wrote before")
    parser.set_defaults(run=run)


def _add_anatomy(add: _Add) -> None:
    add("--digits", type=os.path.expanduser, metavar="SRC", default=_ANATOMY.digits,
        help=f"glyphs: {', '.join(SOURCES)}, or the path of an .npz with images and labels")
    add("--digits-root", type=os.path.expanduser, metavar="DIR", default=None,
        help="folder of the idx files for --digits mnist; missing files are downloaded into it")
    add("--seed", type=int, metavar="S", default=_ANATOMY.seed, help="random seed")
    add("--difficulty", type=float, metavar="D", default=_ANATOMY.difficulty,
        help="how hard the anomalies are to see, from 0 (blatant) to 1 (subtle)")
    add("--generator", type=int, choices=tuple(VERSIONS), default=_ANATOMY.generator,
        help="1: every cell for itself, four kinds; 2: one hand, size and place for an image, "
        "thirteen kinds, populations")
    add("--starts", type=int, metavar="N", default=_ANATOMY.starts,
        help="of generator 2: images count on from one of so many starts")
    add("--population", type=os.path.expanduser, metavar="NAME|FILE", default=None,
        help=f"of generator 2: what another hospital changes: {', '.join(POPULATIONS)}, or a .yaml "
        "or .json file")
    add("--population-strength", type=float, metavar="S", default=_ANATOMY.strength,
        help="how much of that, from 0 (nothing) to 1 (all)")
    add("--rows", type=int, metavar="N", default=_ANATOMY.rows, help="rows of digits")
    add("--cols", type=int, metavar="N", default=_ANATOMY.cols, help="columns of digits")
    add("--order", metavar="DIGITS", default=None,
        help="the digits in reading order (default: 1 to 9, over and over)")
    add("--cell", type=int, metavar="PX", default=_ANATOMY.cell, help="side of a cell in pixels")
