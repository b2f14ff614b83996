"""What the settings of all detectors share, and the names that they had once."""

import dataclasses

import pytest

from simsid.data.image_kind import FILMS, Cells, kind_of
from simsid.detectors import DetectorConfig, detector_class, detector_names
from simsid.detectors.config import RENAMED, config_from_dict
from simsid.detectors.gan_localiser import GanLocaliserConfig


@pytest.mark.parametrize("name", detector_names())
def test_every_configuration_is_a_detector_config(name):
    assert issubclass(detector_class(name).config_class, DetectorConfig)


def test_a_setting_is_still_known_by_the_name_it_had_once():
    config = config_from_dict(
        GanLocaliserConfig, {"gan_rate": 0.5, "localiser_rate": 0.25, "shares": [0.2, 0.3, 0.5]}
    )
    assert config.gan_learning_rate == 0.5
    assert config.localiser_learning_rate == 0.25
    assert config.stage_shares == (0.2, 0.3, 0.5)


def test_an_old_name_means_nothing_where_there_is_no_such_setting():
    with pytest.raises(ValueError, match="gan_rate"):
        config_from_dict(DetectorConfig, {"gan_rate": 0.5})


def test_no_detector_uses_an_old_name_and_every_new_one_is_used():
    classes = [detector_class(name).config_class for name in detector_names()]
    used = {field.name for cls in classes for field in dataclasses.fields(cls)}
    assert not used & set(RENAMED)
    assert used >= set(RENAMED.values())


def test_cells_are_the_regions_and_films_are_divided_by_the_method():
    assert DetectorConfig.preset("quick", (96, 96), Cells((2, 3))).grid_size == (2, 3)
    assert DetectorConfig.preset("quick", (96, 112), FILMS).grid_size == (3, 7)


def test_a_data_set_says_what_kind_of_images_it_holds():
    assert kind_of({"grid_size": [3, 4]}) == Cells((3, 4))
    assert kind_of({}) == FILMS
