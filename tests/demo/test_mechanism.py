"""The page says of each model what drives its score, and no other model's mechanism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hub
from demo.about_tab import card_of
from demo.mechanism import reasons, reconstruction_counts, scored_by, shares
from demo.pictures import rebuilt_figure, why_figure
from demo.shelf import ModelShelf
from simsid.detectors import Detector, detector_class

NO_SHARE = "they have no share in the score"


@pytest.fixture(scope="module")
def chest() -> Detector:
    return hub.load("bundled:chest")


def _untrained(name: str) -> Detector:
    method = detector_class(name)
    return method(method.config_class((64, 64), (2, 2)))


def test_a_film_that_lesions_score_is_told_so(chest: Detector) -> None:
    assert shares(chest) == {"lesion": 1.0}
    said = reasons(chest)
    assert "normals and lesions painted into them" in said and NO_SHARE in said
    assert "comes from a network that learned to find lesions" in said and "it rebuilds" not in said
    assert not reconstruction_counts(chest)
    film = np.zeros(chest.image_size, np.float32)
    figure = why_figure(chest.explain(film, (0, 1)), 0, 1, 2.0, said)
    assert said in figure
    assert "no share in the score" in rebuilt_figure(film, film, has_a_share=False)


def test_a_digit_is_told_of_what_is_remembered() -> None:
    digits = hub.load("bundled:digitanatomy")
    assert "it rebuilds the region from the normal patterns" in reasons(digits)
    assert "lesion" not in reasons(digits) + scored_by(digits) and reconstruction_counts(digits)
    assert "the normal patterns that the model remembers" in scored_by(digits)


def test_a_score_of_two_parts_names_both(chest: Detector) -> None:
    before = chest.config
    try:
        chest.config = replace(before, fusion=(("lesion", 3.0), ("feature_distance", 1.0)))
        assert scored_by(chest).startswith("75 % of the score come from a network")
        assert scored_by(chest).endswith("the rest from: feature distance.")
    finally:
        chest.config = before


def test_a_network_that_reads_the_rebuilt_picture_does_not_call_it_an_illustration() -> None:
    localiser = _untrained("gan-localiser")
    assert reconstruction_counts(localiser) and NO_SHARE not in scored_by(localiser)
    assert "its rebuilt picture" in scored_by(localiser)


def test_another_method_names_its_parts() -> None:
    other = _untrained("patchcore")
    assert scored_by(other) == "The score comes from: nearest."


def test_a_card_says_first_whose_it_is() -> None:
    card = card_of(ModelShelf(), "bundled:digitanatomy")
    assert card.startswith("## Model card of bundled:digitanatomy (")
    assert "AUROC" in card
