"""``vae``: the bound it is trained on, the divergence it tells."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from simsid.detectors.vae import KL, VAE, VAEConfig

CONFIG = VAEConfig((32, 32), (2, 2), channels=(4, 8), latent_dim=4)


def test_loss_is_the_negative_bound_in_units_of_the_squared_residual():
    detector = VAE(replace(CONFIG, noise_std=0.5)).train()
    ((_, losses),) = detector.training_step(torch.rand(3, 1, 32, 32), "joint")
    nats = losses["reconstruction"] * 32 * 32 / (2 * 0.5**2) + losses["kl"]
    assert torch.isclose(losses["loss"], nats * 2 * 0.5**2 / (32 * 32), rtol=1e-4)


def test_divergence_is_one_number_for_all_regions():
    evidence = VAE(CONFIG).eval().evidence(torch.rand(3, 1, 32, 32))
    kl = evidence.regions[KL]
    assert kl.shape == (3, 4)
    assert (kl == kl[:, :1]).all() and len(kl[:, 0].unique()) == 3
    residual = (evidence.reconstruction - 0).shape
    assert residual == (3, 1, 32, 32)


def test_scoring_draws_no_noise():
    detector, images = VAE(CONFIG).eval(), torch.rand(2, 1, 32, 32)
    first, second = detector.evidence(images), detector.evidence(images)
    assert torch.equal(first.reconstruction, second.reconstruction)
    assert F.mse_loss(first.reconstruction, images) > 0


def test_noise_without_spread_is_refused():
    with pytest.raises(ValueError, match="noise_std"):
        VAE(replace(CONFIG, noise_std=0.0))
