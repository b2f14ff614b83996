"""SimSID's settings, and who trains its networks."""

import dataclasses

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS
from simsid.detectors.simsid import SimSID
from simsid.detectors.simsid_config import SimSIDConfig
from simsid.detectors.squid import SQUID, SQUIDConfig
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs

SMALL = dataclasses.replace(
    SimSIDConfig.preset("quick", (32, 32), FILMS),
    channels=(4, 8),
    decoder_channels=(4, 8),
    lesion_channels=4,
)


def test_every_weight_has_one_player_and_running_means_have_none():
    detector = SimSID(SMALL)
    owned = [id(p) for player in detector.players("joint").values() for p in player.parameters]
    assert len(set(owned)) == len(owned)
    assert set(owned) == {id(p) for p in detector.parameters() if p.requires_grad}


@pytest.mark.parametrize("config", [SimSIDConfig, SQUIDConfig])
def test_the_papers_preset_for_films_is_the_talks(config):
    paper = config.preset("paper", (128, 128), FILMS)
    levels = len(paper.channels) - 1 if config is SimSIDConfig else paper.num_levels
    assert (paper.grid_size, levels) == ((2, 2), 4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lesion_members": 0}, "members >= 1"),
        ({"lesion_decay": 1.0}, r"a decay in \[0, 1\)"),
        ({"context_slots": 0}, "context_slots must be at least 1"),
        ({"grid_size": (16, 16)}, "patches of a multiple of 4 px"),
    ],
)
def test_settings_that_would_fail_in_training_are_refused_before(change, says):
    with pytest.raises(ValueError, match=says):
        SimSID(dataclasses.replace(SMALL, **change))


def test_squid_refuses_patches_that_its_levels_cannot_halve():
    with pytest.raises(ValueError, match="patches of a multiple of 8 px"):
        SQUID(SQUIDConfig(image_size=(96, 96), grid_size=(8, 8)))


@pytest.mark.parametrize(
    "changed", [{"inpainting": False}, {"space_aware": False}, {"top_k": None}]
)
def test_an_ablation_of_the_generator_leaves_the_lesion_networks_as_they_are(changed):
    scores = []
    for settings in ({}, changed):
        torch.manual_seed(0)
        config = dataclasses.replace(SMALL, grid_size=(2, 2), **settings)
        detector = fit(SimSID(config), blobs(24, 0), epochs=1, batch_size=8, device="cpu")
        scores.append(detector.predict(blobs(4, 1)).scores)
    assert np.array_equal(scores[0]["lesion"], scores[1]["lesion"])
    assert not np.array_equal(scores[0]["reconstruction"], scores[1]["reconstruction"])


def test_the_difference_from_the_expected_film_is_a_component_of_new_models_only():
    new = SimSIDConfig.preset("quick", (32, 32), FILMS)
    assert "unexpected" in SimSID.components_of(new)
    assert "unexpected" not in SimSID.components_of(
        SimSIDConfig(image_size=(32, 32), grid_size=(1, 1))
    )
    torch.manual_seed(0)
    config = dataclasses.replace(SMALL, grid_size=(2, 2))
    detector = fit(SimSID(config), blobs(40, 0), epochs=1, batch_size=8, device="cpu")
    film = blobs(1, 1)[0].astype(np.float32) / 255
    changed = film.copy()
    changed[:16, :16] = 1 - changed[:16, :16]
    own, other = (detector.evidence(detector.as_batch(f[None])).regions["unexpected"][0]
                  for f in (film, changed))  # fmt: skip
    assert other[0] > 2 * own[0]
    why = detector.explain(changed, (0, 0))
    again = detector.explain(film, (0, 0))
    assert np.allclose(why.expected, again.expected, atol=1e-4)
    assert not np.allclose(why.patch, again.patch)
