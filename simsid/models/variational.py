"""The variational autoencoder: the bottleneck is a distribution, held near a standard normal."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.autoencoder import Autoencoder

_MOST_LOG_VARIANCE = 10.0  # either way: exp must not overflow before training has settled


class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose encoder gives mean and log variance of a normal distribution.

    Training decodes a sample of it, evaluation its mean. Source: Kingma and Welling,
    'Auto-encoding variational Bayes', ICLR 2014.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        channels: Sequence[int] = (16, 32, 64, 128),
        latent_dim: int = 64,
    ) -> None:
        super().__init__(image_size, channels, latent_dim)
        self.to_log_variance = nn.Linear(self.to_latent.in_features, latent_dim)

    def posterior(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> tuple[Float[Tensor, "batch latent_dim"], Float[Tensor, "batch latent_dim"]]:
        """Mean and log variance of q(z | image), float32."""
        features = self.encoder(images).flatten(1)
        log_variance = self.to_log_variance(features).float()
        bounded = log_variance.clamp(-_MOST_LOG_VARIANCE, _MOST_LOG_VARIANCE)
        return self.to_latent(features).float(), bounded

    def rebuild(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> tuple[Float[Tensor, "batch 1 height width"], Float[Tensor, " batch"]]:
        """Reconstruction, and the KL divergence of each image's q(z | image) from p(z)."""
        mean, log_variance = self.posterior(images)
        latent = mean
        if self.training:
            latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decode(latent), kl_from_standard_normal(mean, log_variance)


def kl_from_standard_normal(
    mean: Float[Tensor, "batch dim"], log_variance: Float[Tensor, "batch dim"]
) -> Float[Tensor, " batch"]:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) in nats, summed over dimensions; at least 0.

    Source: Kingma and Welling, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
