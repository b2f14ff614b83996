"""Generator, critic and encoder of f-AnoGAN, for ``f-anogan`` and ``gan-localiser`` alike.

A Wasserstein GAN learns to make normal films from noise; an encoder then learns which noise a
given film is made from. An abnormal film comes back as the normal one nearest to it.

Source: Schlegl et al., 'f-AnoGAN: fast unsupervised anomaly detection with generative adversarial
networks', Medical Image Analysis 2019; Gulrajani et al., 'Improved training of Wasserstein GANs',
NeurIPS 2017.

Relative to the paper: strided convolutions in place of residual blocks, any image size that can be
halved once for each entry of ``channels``, grey levels in [0, 1] in place of [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.autoencoder import ImageDecoder, ImageEncoder, small_size
from simsid.models.strided import Conv2d


class GanGenerator(nn.Module):
    """Noise to films; a linear output, near [0, 1] once trained.

    Raises:
        ValueError: the image is not divisible by 2 to the number of channels.
    """

    def __init__(
        self, image_size: tuple[int, int], channels: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.small = (channels[-1], *small_size(image_size, channels))
        self.first = nn.Linear(latent_dim, channels[-1] * self.small[1] * self.small[2])
        self.decoder = ImageDecoder(channels)

    def forward(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 1 h w"]:
        x = self.first(latent).relu().unflatten(1, self.small)
        return self.decoder(x.contiguous(memory_format=torch.channels_last))

    def noise(self, count: int) -> Float[Tensor, "count latent"]:
        """Standard normal latents, from torch's global generator."""
        return torch.randn(count, self.latent_dim, device=self.first.weight.device)


class Critic(nn.Module):
    """How real films look: higher = more real. No batch statistics, which the penalty forbids."""

    def __init__(self, image_size: tuple[int, int], channels: Sequence[int]) -> None:
        super().__init__()
        height, width = small_size(image_size, channels)
        kernels = [5] + [3] * (len(channels) - 1)
        self.levels = nn.ModuleList(
            Conv2d(before, after, kernel, 2, kernel // 2)
            for (before, after), kernel in zip(pairwise((1, *channels)), kernels, strict=True)
        )
        self.head = nn.Linear(channels[-1] * height * width, 1)

    def features(self, films: Float[Tensor, "batch 1 h w"]) -> Float[Tensor, "batch c rows cols"]:
        """The last convolution's output: what f-AnoGAN compares films by, f(x)."""
        x = films.contiguous(memory_format=torch.channels_last)
        for level in self.levels:
            x = F.leaky_relu(level(x), 0.2)
        return x

    def forward(self, films: Float[Tensor, "batch 1 h w"]) -> Float[Tensor, " batch"]:
        return self.head(self.features(films).flatten(1)).flatten().float()


class LatentEncoder(nn.Module):
    """Films to the noise they would be made from."""

    def __init__(
        self, image_size: tuple[int, int], channels: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        height, width = small_size(image_size, channels)
        self.encoder = ImageEncoder(channels)
        self.to_latent = nn.Linear(channels[-1] * height * width, latent_dim)

    def forward(self, films: Float[Tensor, "batch 1 h w"]) -> Float[Tensor, "batch latent"]:
        return self.to_latent(self.encoder(films).flatten(1)).float()


def gan_turns(
    generator: GanGenerator,
    critic: Critic,
    films: Float[Tensor, "batch 1 h w"],
    critic_steps: int,
    penalty_weight: float,
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """A training step: 'critic' with its losses ``critic_steps`` times, then 'generator' with its own.

    Each turn's losses belong to the networks as the turn before has left them, and to fresh noise.
    """
    for _ in range(critic_steps):
        with torch.no_grad():
            fake = generator(generator.noise(len(films)))
        yield "critic", critic_losses(critic, films, fake, penalty_weight)
    fake = generator(generator.noise(len(films)))
    yield "generator", {"loss": -critic(fake).mean()}


def critic_losses(
    critic: Critic,
    real: Float[Tensor, "batch 1 h w"],
    fake: Float[Tensor, "batch 1 h w"],
    penalty_weight: float = 10.0,
) -> dict[str, Tensor]:
    """``loss``, and its parts: the Wasserstein distance and the gradient penalty."""
    # One pass each: joined, the two halves would share nothing but memory.
    distance = critic(real).mean() - critic(fake.detach()).mean()
    penalty = gradient_penalty(critic, real, fake.detach())
    return {
        "loss": penalty_weight * penalty - distance,
        "distance": distance.detach(),
        "penalty": penalty.detach(),
    }


def gradient_penalty(
    critic: Critic, real: Float[Tensor, "batch 1 h w"], fake: Float[Tensor, "batch 1 h w"]
) -> Float[Tensor, ""]:
    """Mean of (|gradient of the critic| - 1)² between real and fake films, in float32."""
    with torch.autocast(real.device.type, enabled=False):
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = (real.float() + share * (fake.float() - real.float())).requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def residuals(
    critic: Critic, films: Float[Tensor, "batch 1 h w"], rebuilt: Float[Tensor, "batch 1 h w"]
) -> tuple[Float[Tensor, "batch 1 h w"], Float[Tensor, "batch rows cols"]]:
    """Squared differences of films and rebuilt films: of pixels, and of features (mean over c).

    F-AnoGAN's anomaly score is the sum of their means, kappa times the second (eq. 4).
    """
    pixels = (rebuilt - films).square()
    features = (critic.features(rebuilt) - critic.features(films)).float().square().mean(1)
    return pixels, features


def encoder_losses(
    critic: Critic,
    films: Float[Tensor, "batch 1 h w"],
    rebuilt: Float[Tensor, "batch 1 h w"],
    kappa: float,
) -> dict[str, Tensor]:
    """``loss`` of the encoder (izi_f, eq. 2), and its parts: means of both :func:`residuals`."""
    pixels, features = (part.mean() for part in residuals(critic, films, rebuilt))
    return {"loss": pixels + kappa * features, "pixels": pixels, "features": features}
