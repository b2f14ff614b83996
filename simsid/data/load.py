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
    difficulty: float = 0.0,
    contamination: float = 0.0,
    data_seed: int = 0,
) -> RadiographData:
    """Load a data set.

    Args:
        dataset: 'digitanatomy' (generated in memory, or read from ``data_root``) or 'folder'.
        data_root: the folder of the data set.
        image_size: (height, width) for images read from a folder.
        digits, difficulty, contamination, data_seed: of the generator, see ``synth``.

    Raises:
        DataError: the data set cannot be had; the message says why.
    """
    if dataset not in DATASETS:
        raise DataError(f"unknown data set '{dataset}'; choose one of: {', '.join(DATASETS)}")
    if data_root is not None:
        return read_folder(data_root, image_size, name=dataset)
    if dataset == "folder":
        raise DataError(
            "--dataset folder needs --data-root: the folder that holds train/ and test/"
        )
    try:
        config = AnatomyConfig(
            digits=digits, difficulty=difficulty, contamination=contamination, seed=data_seed
        )
    except SynthError as error:
        raise DataError(str(error)) from error
    return make_digitanatomy(config)
