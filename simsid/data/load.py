"""One door to every data set, by name."""

from __future__ import annotations

from simsid.data.datasets import RadiographData
from simsid.data.digitanatomy import make_digitanatomy
from simsid.data.folder import read_folder
from simsid.errors import DataError
from synth import AnatomyConfig, SynthError

DATASETS = ("digitanatomy", "folder")


def load_data(
    dataset: str,
    data_root: str | None = None,
    image_size: tuple[int, int] | None = None,
    digits: str = "strokes",
    digits_root: str | None = None,
    difficulty: float = 0.0,
    contamination: float = 0.0,
    data_seed: int = 0,
) -> RadiographData:
    """Load a data set.

    Args:
        dataset: 'digitanatomy' (generated in memory, or read from ``data_root``) or 'folder'.
        data_root: the folder of the data set.
        image_size: (height, width) for images read from a folder.
        digits, digits_root, difficulty, contamination, data_seed: of the generator, see ``synth``.

    Raises:
        DataError: the data set cannot be had; the message says why.
    """
    if dataset not in DATASETS:
        raise DataError(f"unknown data set '{dataset}'; choose one of: {', '.join(DATASETS)}")
    if data_root is not None:
        _refuse_generator_options(digits, difficulty, contamination, data_seed)
        return read_folder(data_root, image_size, name=dataset)
    if dataset == "folder":
        raise DataError(
            "--dataset folder needs --data-root: the folder that holds train/ and test/"
        )
    try:
        config = AnatomyConfig(
            digits=digits,
            digits_root=digits_root,
            difficulty=difficulty,
            contamination=contamination,
            seed=data_seed,
        )
    except SynthError as error:
        raise DataError(str(error)) from error
    return make_digitanatomy(config)


def _refuse_generator_options(
    digits: str, difficulty: float, contamination: float, data_seed: int
) -> None:
    """What is read from a folder is as it is: an option that would change nothing misleads."""
    given = {
        "--digits": digits != "strokes",
        "--difficulty": difficulty != 0.0,
        "--contamination": contamination != 0.0,
        "--data-seed": data_seed != 0,
    }
    for option, used in given.items():
        if used:
            raise DataError(
                f"{option} is for generated data and means nothing with --data-root: leave one out"
            )
