"""A detector from a preset and settings, as the command line hands them on."""

from __future__ import annotations

import pytest

from simsid.detectors.build import build_detector
from simsid.detectors.simsid import SimSID
from simsid.errors import SimsidError
from tests.simsid.helpers import make_data


def test_a_setting_within_a_setting_may_come_as_text() -> None:
    settings = {"lesion_variation": {"noise": "0.01"}, "weights": {"distillation": "2"}}
    config = build_detector(SimSID, "quick", make_data(size=64), settings, 0).config
    assert isinstance(config, SimSID.config_class)
    assert config.lesion_variation.noise == 0.01
    assert config.lesion_variation.scale == SimSID.config_class().lesion_variation.scale
    assert config.weights.distillation == 2


def test_what_is_no_number_is_named() -> None:
    with pytest.raises(SimsidError, match=r"noise.*loud"):
        build_detector(
            SimSID, "quick", make_data(size=64), {"lesion_variation": {"noise": "loud"}}, 0
        )
