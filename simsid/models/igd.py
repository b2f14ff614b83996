"""Interpolated Gaussian descriptor: an autoencoder whose latent vectors form one Gaussian.

Source: Chen et al., 'Deep one-class classification via interpolated Gaussian descriptor', AAAI 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.autoencoder import ImageDecoder, ImageEncoder, small_size
from simsid.models.backbones import Backbone
from simsid.models.ssim import dissimilarity_map, ms_ssim
from simsid.models.statistics import mean_over_ranks

_PACE = 0.05  # how fast the descriptor's variance follows the batches
_SMALLEST = 1e-8
_FARTHEST = 0.5  # share of the second image in an interpolation


class GaussianDescriptor(nn.Module):
    """How likely a latent vector is a normal film's: 1 at the centre, falling with distance.

    The centre is the mean of the first batch and stays; the variance follows the distances, as the
    M step of the paper does.
    """

    centre: Tensor
    variance: Tensor
    started: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def forward(self, latent: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
        """Likelihood in (0, 1], higher = more normal."""
        return torch.exp(-self._distance(latent) / (2 * self.variance))

    def _distance(self, latent: Tensor) -> Float[Tensor, " n"]:
        return (latent.float() - self.centre).square().mean(1)

    @torch.no_grad()
    def follow(self, latent: Float[Tensor, "n dim"]) -> None:
        """Move on with a batch of training normals; the first one sets the centre."""
        first = not self.started
        if first:
            self.centre.copy_(mean_over_ranks(latent.float().mean(0)))
            self.started.fill_(True)
        found = mean_over_ranks(self._distance(latent).mean()).clamp_min(_SMALLEST)
        self.variance.lerp_(found, 1.0 if first else _PACE)

    @torch.no_grad()
    def settle(self, latent: Float[Tensor, "n dim"]) -> None:
        """Set the variance to that of all training normals."""
        self.variance.copy_(self._distance(latent).mean().clamp_min(_SMALLEST))


class InterpolatedGaussian(nn.Module):
    """Encoder, decoder and descriptor of images of one size: whole films, or patches of them.

    Args:
        backbone: its last map becomes the latent vector.
        channels: of the decoder, finest first; each doubles the size.

    Raises:
        ValueError: the image is not divisible by 2 to the number of channels.
    """

    def __init__(
        self,
        backbone: Backbone,
        image_size: tuple[int, int],
        latent_dim: int,
        channels: Sequence[int],
    ) -> None:
        super().__init__()
        stride = backbone.strides[-1]
        rows, cols = (-(-side // stride) for side in image_size)
        self.backbone = backbone
        self.to_latent = nn.Linear(backbone.channels[-1] * rows * cols, latent_dim)
        self.small = (channels[-1], *small_size(image_size, channels))
        self.from_latent = nn.Linear(latent_dim, channels[-1] * self.small[1] * self.small[2])
        self.decoder = ImageDecoder(channels)
        self.descriptor = GaussianDescriptor(latent_dim)

    def encode(self, images: Float[Tensor, "n 1 height width"]) -> Float[Tensor, "n dim"]:
        """The latent vector of each image, float32."""
        return self.to_latent(self.backbone(images)[-1].flatten(1)).float()

    def decode(self, latent: Float[Tensor, "n dim"]) -> Float[Tensor, "n 1 height width"]:
        """An image in [0, 1]."""
        x = self.from_latent(latent).relu().unflatten(1, self.small)
        return self.decoder(x.contiguous(memory_format=torch.channels_last)).sigmoid()

    def losses(
        self,
        images: Float[Tensor, "n 1 height width"],
        critic: Critic,
        l1_share: float,
        fooling: float,
    ) -> tuple[dict[str, Tensor], Float[Tensor, ""]]:
        """Terms of encoder and decoder with their sum ``loss``, and the loss of the critic.

        Args:
            l1_share: rho of eq. 11 of MSACL. fooling: weight of the interpolation's loss.
        """
        latent = self.encode(images)
        self.descriptor.follow(latent.detach())
        rebuilt = self.decode(latent)
        share = _FARTHEST * torch.rand(len(images), 1, device=images.device)
        between = self.decode(torch.lerp(latent, latent.roll(1, 0), share))
        distance = (rebuilt - images).abs().mean()
        structure = 1 - ms_ssim(images, rebuilt).mean()
        fooled = critic(between).square().mean()
        unlikely = 1 - self.descriptor(latent).mean()
        loss = l1_share * distance + (1 - l1_share) * structure + fooling * fooled + unlikely
        terms = {"loss": loss, "l1": distance, "ms_ssim": structure, "unlikely": unlikely}
        judged = critic.loss(images, rebuilt.detach(), between.detach(), share)
        return terms, judged

    def dissimilarity(
        self,
        images: Float[Tensor, "n 1 height width"],
        rebuilt: Float[Tensor, "n 1 height width"],
        l1_share: float,
    ) -> Float[Tensor, "n 1 height width"]:
        """The reconstruction's loss in each pixel; higher = more abnormal."""
        structure = dissimilarity_map(images, rebuilt)
        return l1_share * (images - rebuilt).abs() + (1 - l1_share) * structure


class Critic(nn.Module):
    """Says of an image which share of another one was mixed into it, in the latent space.

    Source: Berthelot et al., 'Understanding and improving interpolation in autoencoders via an
    adversarial regularizer', 2018.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.body = ImageEncoder(channels)
        self.head = nn.Linear(channels[-1], 1)

    def forward(self, images: Float[Tensor, "n 1 height width"]) -> Float[Tensor, "n 1"]:
        """The share of another image that each seems to hold; not bounded, float32."""
        return self.head(self.body(images).mean((2, 3))).float()

    def loss(
        self, images: Tensor, rebuilt: Tensor, between: Tensor, share: Float[Tensor, "n 1"]
    ) -> Float[Tensor, ""]:
        """The share of interpolated images, and none for images between real and rebuilt."""
        part = torch.rand(len(images), 1, 1, 1, device=images.device)
        told = self(between) - share
        return told.square().mean() + self(torch.lerp(rebuilt, images, part)).square().mean()


def random_patches(
    images: Float[Tensor, "batch 1 height width"], side: int
) -> Float[Tensor, "patches 1 side side"]:
    """Neighbouring square patches from a random corner on, the same in all images."""
    cut = images
    for axis in (2, 3):
        spare = min(side, images.shape[axis] - side)
        start = int(torch.randint(spare + 1, ()))
        count = (images.shape[axis] - start) // side
        cut = cut.narrow(axis, start, count * side)
    cut = cut.unfold(2, side, side).unfold(3, side, side)
    return cut.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).contiguous()


def corners(length: int, side: int) -> list[int]:
    """Where patches begin that cover a length, each half a patch after the last.

    Args:
        length, side: in pixels; the side is at most the length.
    """
    starts = list(range(0, length - side + 1, max(1, side // 2)))
    return starts if starts[-1] == length - side else [*starts, length - side]
