"""What a command line may say of films: preparation, contamination, and what is refused."""

import numpy as np
import pytest
from jsonargparse import ArgumentParser

from simsid.data.film_set import FilmOptions
from simsid.data.load import load_data
from simsid.data.options import add_data_options, data_choice, film_options
from simsid.data.preprocess import Preprocessing
from simsid.errors import DataError
from tests.simsid.data import trees


def parsed(*arguments):
    parser = ArgumentParser(exit_on_error=False)
    add_data_options(parser)
    return parser.parse_args(list(arguments))


def load(name, root, **options):
    return load_data(name, str(root), films=FilmOptions(**options))


def test_options_change_the_sets_own_preparation(tmp_path):
    options = parsed(
        "--dataset", "nih", "--data-root", str(trees.nih(tmp_path)), "--image-size", "64x96",
        "--fit", "crop", "--window", "1,99", "--clahe", "0.02",
    )  # fmt: skip
    data = data_choice(options.as_dict()).load()
    assert data.preprocessing == Preprocessing((64, 96), "crop", (1.0, 99.0), 0.02)
    assert data.train.shape[1:] == (64, 96)
    assert film_options(parsed().as_dict()) == FilmOptions()
    assert film_options(parsed("--window", "none", "--image-size", "64").as_dict()).image_size == (
        64,
        64,
    )


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--image-size", "big", "--image-size must be 128, or 160x128"),
        ("--window", "5", "--window must be two percentiles such as 1,99, or none"),
        ("--window", "99,1", "window must be two percentiles from 0 to 100, the lower one first"),
        ("--clahe", "7", "clahe must be from 0 to 1"),
    ],
)
def test_settings_that_cannot_be_are_one_plain_sentence(option, value, says, tmp_path):
    options = parsed("--dataset", "nih", "--data-root", str(trees.nih(tmp_path)), option, value)
    with pytest.raises(DataError, match=says):
        data_choice(options.as_dict()).load()


def test_a_models_own_preparation_wins_and_contradictions_are_refused(tmp_path):
    root = trees.nih(tmp_path)
    own = Preprocessing((64, 64), "letterbox")
    assert load_data("nih", str(root), own).preprocessing == own
    assert load_data("nih", str(root), own, FilmOptions(fit="letterbox")).image_size == (64, 64)
    with pytest.raises(DataError, match="prepares films with fit letterbox, not crop"):
        load_data("nih", str(root), own, FilmOptions(fit="crop"))
    with pytest.raises(DataError, match=r"leave out --image-size"):
        load_data("nih", str(root), own, FilmOptions(image_size=(32, 32)))


def test_contamination_mixes_abnormal_films_of_the_pool_into_training(tmp_path):
    root = trees.nih(tmp_path)
    pure, mixed = (load("nih", root, contamination=share) for share in (0.0, 0.2))
    assert mixed.facts["contaminated"] == round(len(pure.train) * 0.2 / 0.8)
    assert len(mixed.train) == len(pure.train) + mixed.facts["contaminated"]
    assert np.array_equal(mixed.calibration, pure.calibration)
    assert np.array_equal(mixed.validation.images, pure.validation.images)
    assert np.array_equal(load("nih", root, contamination=0.2).train, mixed.train)


def test_contamination_beyond_the_pool_is_refused_with_what_is_possible(tmp_path):
    root = trees.nih(tmp_path)
    with pytest.raises(DataError, match=r"there are 27 to draw from: at most 0\.\d\d is possible"):
        load("nih", root, contamination=0.5)


def test_a_folder_contaminates_from_its_own_abnormal_training_films(tmp_path):
    for index in range(20):
        trees.film(tmp_path / f"train/normal/{index}.png")
    with pytest.raises(DataError, match="no abnormal films on its training side"):
        load("folder", tmp_path, contamination=0.1)
    for index in range(5):
        trees.film(tmp_path / f"train/abnormal/a{index}.png")
    assert load("folder", tmp_path, contamination=0.1).facts["contaminated"] == 2
    assert load("folder", tmp_path).facts["contaminated"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--dataset", "chexpert"), "--dataset chexpert needs --data-root"),
        (("--fit", "crop"), "--fit applies to films and not to generated data"),
        (("--view", "PA"), "--view applies to films"),
        (("--dataset", "folder", "--data-root", ".", "--difficulty", "0.5"),
         "--difficulty applies to generated data and not to --data-root"),
        (("--dataset", "nih", "--data-root", ".", "--data-seed", "1"), "--data-seed applies to"),
    ],
)  # fmt: skip
def test_options_that_would_change_nothing_are_refused(arguments, says):
    with pytest.raises(DataError, match=says):
        data_choice(parsed(*arguments).as_dict()).load()
