"""A weak model says so, in the kit's words and never in a folder's."""

import pytest

from simsid.detectors.weakness import BEHIND, SEES_NOTHING, Weakness, weakness_in

NAMES = ("fused", "residual")


@pytest.mark.parametrize(
    "found", [Weakness(SEES_NOTHING, 0.51), Weakness(BEHIND, 0.61, "residual", 0.91)]
)
def test_a_weakness_survives_a_models_facts(found):
    assert weakness_in(found.to_facts(), NAMES) == found


def test_the_words_name_the_part_and_both_numbers():
    message = Weakness(BEHIND, 0.61, "region_posterior", 0.91).message
    assert "behind 'region_posterior'" in message and "0.61 and 0.91" in message


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"weakness": "<script>"},
        {"weakness": {"code": BEHIND, "own": 0.5, "best": 0.9, "part": "<b>"}},
        {"weakness": {"code": BEHIND, "own": float("nan"), "best": 0.9, "part": "residual"}},
        {"weakness": {"code": SEES_NOTHING, "own": "0.5", "best": 0}},
        {"weakness": {"code": ["x"], "own": 0.5, "best": 0.9}},
    ],
)
def test_facts_that_make_no_sense_say_nothing(facts):
    assert weakness_in(facts, NAMES) is None
