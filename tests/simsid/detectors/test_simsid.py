"""SimSID's settings, and who trains its networks."""

import dataclasses

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS
from simsid.detectors import load_model, save_model
from simsid.detectors.bundled import FOLDER
from simsid.detectors.simsid import SimSID
from simsid.detectors.simsid_config import SimSIDConfig
from simsid.detectors.squid import SQUID, SQUIDConfig
from simsid.models.lesions import cells_to_regions, normal_levels, normal_scores
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs, tiny_films

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
        ({"lesion_centring": 1.5}, "lesion_centring must lie from 0 to 1"),
        ({"lesion_limit": 0.0}, "lesion_limit must be above 0"),
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


def test_cells_are_compared_with_normals_centred_and_within_the_limit(tmp_path):
    detector = tiny_films(lesion_centring=0.5, lesion_limit=1.0)
    fit(detector, blobs(40), blobs(30, 2), epochs=1, batch_size=8, device="cpu")
    save_model(detector, tmp_path / "model")
    loaded = load_model(tmp_path / "model")

    def cells(images):
        with torch.inference_mode():
            logits = loaded.lesions(loaded.as_batch(images))[0][:, 0]
        return logits - 0.5 * torch.quantile(logits.flatten(1), 0.5, dim=1)[:, None, None]

    films = blobs(6, seed=1)
    films[3:] = films[3:, ::-1]  # nothing like a normal
    levels = normal_levels(cells(blobs(40)), 65)
    assert torch.allclose(loaded.centred_levels, levels, atol=1e-4)  # saved in half precision
    told = normal_scores(cells(films), loaded.centred_levels).clamp(-1.0, 1.0)
    expected = cells_to_regions(told[:, None], loaded.grid_size)[..., 0]
    found = loaded.evidence(loaded.as_batch(films)).regions["lesion"]
    assert torch.allclose(found, expected, atol=1e-4)
    assert found.abs().max() <= 1.0
    assert np.allclose(loaded.predict(films).score, detector.predict(films).score, atol=1e-5)


def test_models_of_before_tell_cells_as_they_did():
    detector = tiny_films()
    assert (detector.config.lesion_centring, detector.config.lesion_limit) == (0.0, None)
    assert not any("centred" in name for name in detector.state_dict())
    fit(detector, blobs(40), epochs=1, batch_size=8, device="cpu")
    with torch.inference_mode():
        logits = detector.lesions(detector.as_batch(blobs(6, seed=1)))[0][:, 0]
        told = normal_scores(logits, detector.lesion_levels)[:, None]
        found = detector.evidence(detector.as_batch(blobs(6, seed=1))).regions["lesion"]
    assert torch.equal(found, cells_to_regions(told, detector.grid_size)[..., 0])


def test_films_are_scored_by_lesions_alone_and_so_is_the_bundled_model():
    new = SimSIDConfig.preset("quick", (192, 192), FILMS)
    assert new.fusion == (("lesion", 1.0),)
    bundled = load_model(FOLDER / "chest")
    assert bundled.config.fusion == (("lesion", 1.0),)
    assert (bundled.config.lesion_centring, bundled.config.lesion_limit) == (0.0, None)
