"""The VAE's bottleneck."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from simsid.models.variational import VariationalAutoencoder, kl_from_standard_normal

NARROW = (4, 4, 8)


def test_kl_is_zero_for_the_prior_and_what_torch_computes_elsewhere():
    assert kl_from_standard_normal(torch.zeros(2, 5), torch.zeros(2, 5)).tolist() == [0, 0]
    mean, log_variance = torch.randn(3, 5), torch.randn(3, 5)
    truth = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(kl_from_standard_normal(mean, log_variance), truth, atol=1e-5)


def test_training_decodes_a_sample_and_evaluation_the_mean():
    network = VariationalAutoencoder((32, 48), NARROW, latent_dim=5)
    images = torch.rand(2, 1, 32, 48)
    assert not torch.equal(network.rebuild(images)[0], network.rebuild(images)[0])
    network.eval()
    rebuilt, divergence = network.rebuild(images)
    assert torch.equal(rebuilt, network.decode(network.posterior(images)[0]))
    assert rebuilt.shape == (2, 1, 32, 48) and divergence.shape == (2,)


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_divergence_stays_finite_whatever_the_features(size):
    network = VariationalAutoencoder((32, 32), NARROW, latent_dim=5).eval()
    with torch.no_grad():
        network.to_log_variance.weight.fill_(size)
    _, divergence = network.rebuild(torch.rand(2, 1, 32, 32))
    assert torch.isfinite(divergence).all() and (divergence >= 0).all()
