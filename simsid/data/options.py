"""The options that name a data set, the same on every command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from jsonargparse import ActionYesNo, ArgumentParser
from tqdm import tqdm

from simsid.data.choice import DataChoice
from simsid.data.datasets import RadiographData
from simsid.data.film_set import VIEWS, FilmOptions
from simsid.data.joined import split_names
from simsid.data.load import DATASETS, FILM_SETS
from simsid.data.preprocess import FITS, Preprocessing
from simsid.data.unreadable import (
    MOST_UNREADABLE,
    OPTION,
    UnreadableFilmsError,
    unreadable_lines,
)
from simsid.errors import DataError
from simsid.files import path_text, roots_text
from simsid.shares import in_percent

_SPLITS = tuple(dict.fromkeys(name for item in FILM_SETS.values() for name in item.splits))
_VIEWS, _FITS = ("auto", *VIEWS), ("auto", *FITS)

PAPER_SIZE = (128, 128)
_LEAST_SIDE, _MOST_SIDE = 16, 4096


def add_data_options(parser: ArgumentParser) -> None:
    """Add ``--dataset``, ``--data-root``, what the generator takes, and how films are prepared."""
    add = parser.add_argument
    add(
        "--dataset",
        type=str,
        default="digitanatomy",
        help=f"one of: {', '.join(DATASETS)}; or several sets of films, as zhanglab,nih",
    )
    add(
        "--data-root",
        type=roots_text,
        default=None,
        help="folder of the data set as its authors distribute it; without it, digitanatomy is "
        "generated in memory",
    )
    add(
        "--digits",
        type=path_text,
        default="strokes",
        help="glyphs of digitanatomy: strokes, optdigits, mnist, or an .npz with images and labels",
    )
    add(
        "--digits-root",
        type=path_text,
        default=None,
        help="folder of mnist's idx files; missing files are downloaded into it",
    )
    add(
        "--difficulty",
        type=float,
        default=0.0,
        help="how hard digitanatomy's anomalies are to see, 0 to 1",
    )
    add("--data-seed", type=int, default=0, help="random seed of generated data")
    add(
        "--generator",
        type=int,
        default=1,
        help="of digitanatomy: 1, every cell for itself; 2, one hand for an image, logical anomalies",
    )
    add(
        "--track",
        type=str | None,
        default=None,
        help="frozen seed and settings of digitanatomy, as hard-1: see python -m synth generate --help",
    )
    add_choice_options(parser)
    _add_preparation_options(parser)


def add_choice_options(parser: ArgumentParser) -> None:
    """Add which films of a set are taken, and which patients go where."""
    add = parser.add_argument
    add(
        "--view",
        type=Literal[_VIEWS],
        default="auto",
        help="view of the films; auto: the split decides",
    )
    add(
        "--split",
        type=str | None,
        default=None,
        help=f"split of the films: {', '.join(_SPLITS)}, manifest (its column split), shifted (the normals "
        "least like the rest validate); each data set has its default",
    )
    add(
        "--split-seed", type=int, default=0, help="random seed that decides which patients go where"
    )
    add("--skip-missing", action="store_true", help="go on without missing films")
    add_skip_unreadable(parser)


def add_skip_unreadable(parser: ArgumentParser) -> None:
    """Add ``--skip-unreadable``, which is the default, and ``--no-skip-unreadable``."""
    parser.add_argument(
        OPTION,
        action=ActionYesNo(no_prefix="no-"),
        default=True,
        help=f"go on without films that cannot be read, if they are at most {in_percent(MOST_UNREADABLE)}; "
        "each is named",
    )


def _add_preparation_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--image-size",
        type=str | int | None,
        default=None,
        help="size of the films: 128, or 160x128 (height x width)",
    )
    add(
        "--fit",
        type=Literal[_FITS],
        default="auto",
        help="how films are brought to that size; auto: the data set decides",
    )
    add(
        "--window",
        type=str | None,
        default=None,
        help="percentiles of a film that become black and white, such as 1,99; none keeps its grey levels",
    )
    add(
        "--grid",
        type=str | None,
        default=None,
        help="cells that pictures are drawn on, as 3x3; none treats them as films. By default a "
        "set of the kind 'folder' is looked at",
    )
    add(
        "--clahe",
        type=float | None,
        default=None,
        help="clip limit of local histogram equalisation; 0 turns it off",
    )


def data_choice(options: Mapping[str, Any]) -> DataChoice:
    """The data that these options name; ``contamination`` and ``preset`` count where there are any.

    Raises:
        DataError: an option that cannot be understood.
    """
    return DataChoice(
        dataset=options["dataset"],
        data_root=options["data_root"],
        digits=options["digits"],
        digits_root=options["digits_root"],
        difficulty=options["difficulty"],
        seed=options["data_seed"],
        generator=options.get("generator") or 1,
        track=options.get("track"),
        films=film_options(options),
    )


def load_choice(choice: DataChoice, preprocessing: Preprocessing | None = None) -> RadiographData:
    """Load the data, with a bar on a terminal: what every command does.

    Args:
        preprocessing: of the model that will look at it, if there is one.

    Raises:
        DataError: it cannot be had; the message says why.
    """
    with naming_unreadable():
        return choice.load(preprocessing, progress)


@contextmanager
def naming_unreadable() -> Iterator[None]:
    """Print every film that cannot be read before the one line of the error that they cause."""
    try:
        yield
    except UnreadableFilmsError as error:
        for film in error.films:
            print(film, file=sys.stderr)
        raise


def tell_films(data: RadiographData, say: Callable[[str], object]) -> None:
    """Say how the films were chosen, and which ones were left out as they cannot be read."""
    for note in data.notes:
        say(note)
    for line in unreadable_lines(data.unreadable):
        say(line)


def film_options(options: Mapping[str, Any]) -> FilmOptions:
    """What the command line says of films.

    Raises:
        DataError: an option that cannot be understood.
    """
    return FilmOptions(
        image_size=_size(options.get("image_size")) or _paper_size(options),
        fit=_unless_auto(options.get("fit")),
        window=_window(options.get("window")),
        clahe=options.get("clahe"),
        view=_unless_auto(options.get("view")),
        split=options.get("split"),
        split_seed=options.get("split_seed", 0),
        contamination=options.get("contamination", 0.0),
        skip_missing=options.get("skip_missing", False),
        skip_unreadable=options.get("skip_unreadable", True),
        grid=_grid(options.get("grid")),
    )


def progress(films: Iterable[Any], total: int) -> Iterable[Any]:
    """A bar on a terminal, nothing elsewhere."""
    return tqdm(films, total=total, desc="reading films", disable=None, leave=False)


def _unless_auto(text: str | None) -> str | None:
    return None if text == "auto" else text


def _size(text: str | int | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = str(text).lower().split("x")
    if not 1 <= len(sides) <= 2 or not all(side.isdigit() for side in sides):
        raise DataError(f"--image-size must be 128, or 160x128 (height x width), not {text}")
    height, width = int(sides[0]), int(sides[-1])
    if not _LEAST_SIDE <= min(height, width) <= max(height, width) <= _MOST_SIDE:
        raise DataError(
            f"--image-size must lie between {_LEAST_SIDE} and {_MOST_SIDE} a side, not {text}"
        )
    return height, width


def _grid(text: str | None) -> tuple[int, int] | tuple[()] | None:
    if text is None:
        return None
    if text.lower() == "none":
        return ()
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdigit() and 1 <= int(side) <= 64 for side in sides):
        raise DataError(f"--grid must be rows x columns such as 3x3, or none, not {text}")
    return int(sides[0]), int(sides[1])


def _paper_size(options: Mapping[str, Any]) -> tuple[int, int] | None:
    """The talk's films have 128 px: so have those of its preset."""
    names = split_names(options["dataset"])
    keeps_size = any(name not in FILM_SETS or FILM_SETS[name].keeps_size for name in names)
    return PAPER_SIZE if options.get("preset") == "paper" and not keeps_size else None


def _window(text: str | None) -> tuple[float, float] | tuple[()] | None:
    if text is None:
        return None
    if text.lower() == "none":
        return ()
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise DataError(
            f"--window must be two percentiles such as 1,99, or none, not {text}"
        ) from error
    return low, high
