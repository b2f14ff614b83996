"""``f-anogan``: first the generator and its critic, then the encoder against both."""

from dataclasses import replace

import pytest
import torch

from simsid.detectors.f_anogan import ENCODER, FEATURES, GAN, FAnoGAN, FAnoGANConfig

CONFIG = FAnoGANConfig((32, 32), (2, 2), channels=(4, 8), latent_dim=4)


def test_the_critic_moves_several_times_for_each_step_of_the_generator():
    detector = FAnoGAN(replace(CONFIG, critic_steps=3)).train()
    turns = [player for player, _ in detector.training_step(torch.rand(4, 1, 32, 32), GAN)]
    assert turns == ["critic", "critic", "critic", "generator"]


def test_each_stage_has_its_own_players():
    detector = FAnoGAN(CONFIG)
    assert [stage.name for stage in detector.stages()] == [GAN, ENCODER]
    assert set(detector.players(GAN)) == {"critic", "generator"}
    assert set(detector.players(ENCODER)) == {"encoder"}


def test_the_generator_rests_while_the_encoder_learns():
    detector = FAnoGAN(CONFIG).train()
    before = {k: v.clone() for k, v in detector.generator.state_dict().items()}
    _, losses = next(detector.training_step(torch.rand(4, 1, 32, 32), ENCODER))
    losses["loss"].backward()
    assert all(torch.equal(before[k], v) for k, v in detector.generator.state_dict().items())
    assert detector.encoder.to_latent.weight.grad.abs().sum() > 0


def test_encoder_loss_weighs_features_by_kappa():
    detector = FAnoGAN(replace(CONFIG, kappa=3.0)).train()
    _, losses = next(detector.training_step(torch.rand(4, 1, 32, 32), ENCODER))
    assert torch.isclose(losses["loss"], losses["pixels"] + 3 * losses["features"])


def test_feature_evidence_is_told_at_the_place_where_films_differ():
    detector = FAnoGAN(CONFIG).eval()
    images = detector.evidence(torch.rand(1, 1, 32, 32)).reconstruction.clone()
    images[0, 0, 4:8, 24:28] += 1
    rebuilt = detector.generator(detector.encoder(images))
    changed = images - rebuilt
    assert changed[0, 0, 4:8, 24:28].abs().mean() > 0.5
    assert detector.evidence(images).regions[FEATURES].argmax() == 1


@pytest.mark.parametrize("change", [{"gan_share": 1.0}, {"gan_share": 0.0}, {"critic_steps": 0}])
def test_stages_without_steps_are_refused(change):
    with pytest.raises(ValueError, match=r"gan_share|critic_steps"):
        FAnoGAN(replace(CONFIG, **change))
