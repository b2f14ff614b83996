"""A grid of cells is found where pictures are drawn on one, and nowhere else."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from simsid.data.film_set import FilmOptions
from simsid.data.grid import find_grid
from simsid.data.load import load_data
from simsid.errors import DataError
from synth import AnatomyConfig, DigitAnatomy


def grids(rows: int, cols: int, cell: int = 32, count: int = 24) -> np.ndarray:
    order = "".join(str(index % 9 + 1) for index in range(rows * cols))
    anatomy = DigitAnatomy(AnatomyConfig(rows=rows, cols=cols, cell=cell, order=order))
    return anatomy.images("train", "normal", range(count))


@pytest.mark.parametrize(("rows", "cols"), [(3, 3), (2, 4), (1, 3), (4, 2)])
def test_cells_of_digits_are_counted(rows, cols):
    assert find_grid(grids(rows, cols)) == (rows, cols)


def test_soft_pictures_without_cells_have_no_grid():
    rng = np.random.default_rng(0)
    soft = gaussian_filter(rng.normal(size=(20, 96, 96)), (0, 9, 9))
    assert find_grid((128 + 400 * soft).clip(0, 255).astype(np.uint8)) is None


def test_noise_and_flat_pictures_have_no_grid():
    rng = np.random.default_rng(0)
    assert find_grid(rng.integers(0, 256, (20, 96, 96), dtype=np.uint8)) is None
    assert find_grid(np.full((20, 96, 96), 7, np.uint8)) is None


@pytest.fixture
def folder(tmp_path):
    good = tmp_path / "train" / "good"
    good.mkdir(parents=True)
    for index, image in enumerate(grids(3, 3, count=24)):
        Image.fromarray(image).save(good / f"{index:03}.png")
    return tmp_path


def test_a_folder_of_digits_without_a_manifest_is_known_by_its_cells(folder):
    data = load_data("folder", str(folder))
    assert data.facts["grid_size"] == [3, 3]
    assert any("3x3 cells" in note for note in data.notes)


def test_who_wants_films_gets_films(folder):
    data = load_data("folder", str(folder), films=FilmOptions(grid=()))
    assert "grid_size" not in data.facts


def test_a_grid_that_does_not_cut_the_images_is_refused(folder):
    with pytest.raises(DataError, match="--grid 5x5"):
        load_data("folder", str(folder), films=FilmOptions(grid=(5, 5)))
