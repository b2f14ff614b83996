"""The options that name a data set, the same on every command line."""

from __future__ import annotations

from typing import Literal

from jsonargparse import ArgumentParser, Namespace

from simsid.data.datasets import RadiographData
from simsid.data.load import DATASETS, load_data


def add_data_options(parser: ArgumentParser) -> None:
    """Add ``--dataset``, ``--data-root`` and what the generator of DigitAnatomy takes."""
    add = parser.add_argument
    add("--dataset", type=Literal[DATASETS], default="digitanatomy", help="which data set")
    add(
        "--data-root",
        type=str | None,
        default=None,
        help="folder of the data set; digitanatomy without one is generated in memory",
    )
    add(
        "--digits",
        type=str,
        default="strokes",
        help="glyphs of digitanatomy: strokes, optdigits, mnist, or an .npz with images and labels",
    )
    add(
        "--digits-root",
        type=str | None,
        default=None,
        help="folder of mnist's idx files; they are downloaded there when absent",
    )
    add("--difficulty", type=float, default=0.0, help="of digitanatomy's anomalies, 0 to 1")
    add("--data-seed", type=int, default=0, help="seed of generated data")


def load_from_options(
    options: Namespace, image_size: tuple[int, int] | None = None
) -> RadiographData:
    """The data set that these options name; ``contamination`` counts where a command has it.

    Raises:
        DataError: it cannot be had; the message says why.
    """
    return load_data(
        options.dataset,
        options.data_root,
        image_size=image_size,
        digits=options.digits,
        digits_root=options.digits_root,
        difficulty=options.difficulty,
        contamination=options.get("contamination", 0.0),
        data_seed=options.data_seed,
    )
