"""The plain baselines: a convolutional autoencoder of the whole image, and one with a memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.layers import conv_block, upsample
from simsid.models.memory import MemoryMatrix, ReadConfig


class ImageEncoder(nn.Module):
    """Strided convolutions over the whole image; each entry of ``channels`` halves the size."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        kernels = [5] + [3] * (len(channels) - 1)
        self.body = nn.Sequential(
            *(
                conv_block(before, after, kernel, stride=2)
                for before, after, kernel in zip((1, *channels), channels, kernels, strict=False)
            )
        )

    def forward(self, images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n c small_h small_w"]:
        return self.body(images.contiguous(memory_format=torch.channels_last))


class ImageDecoder(nn.Module):
    """The way back: each entry of ``channels`` doubles the size; linear float32 output."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        widths = [*channels[::-1], channels[0] // 2]
        self.levels = nn.ModuleList(conv_block(before, after) for before, after in pairwise(widths))
        self.head = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: Float[Tensor, "n c small_h small_w"]) -> Float[Tensor, "n 1 h w"]:
        for level in self.levels:
            x = level(upsample(x))
        return self.head(x).float()


class Autoencoder(nn.Module):
    """Convolutions down, one vector for the whole image, convolutions up.

    The dense bottleneck is what keeps it from copying anomalies. Source: the dense autoencoder of
    Baur et al., 'Autoencoders for unsupervised anomaly segmentation in brain MR images', 2021.

    Raises:
        ValueError: the image is not divisible by 2 to the number of channels.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        channels: Sequence[int] = (16, 32, 64, 128),
        latent_dim: int = 64,
    ) -> None:
        super().__init__()
        height, width = small_size(image_size, channels)
        self.encoder, self.decoder = ImageEncoder(channels), ImageDecoder(channels)
        self.small = (channels[-1], height, width)
        self.to_latent = nn.Linear(channels[-1] * height * width, latent_dim)
        self.from_latent = nn.Linear(latent_dim, channels[-1] * height * width)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        return self.decode(self.encode(images))

    def encode(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch latent_dim"]:
        """The bottleneck vector of each image."""
        return self.to_latent(self.encoder(images).flatten(1))

    def decode(
        self, latent: Float[Tensor, "batch latent_dim"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Images, float32 and not bounded, of bottleneck vectors."""
        x = self.from_latent(latent).relu().unflatten(1, self.small)
        return self.decoder(x.contiguous(memory_format=torch.channels_last))


class MemoryAutoencoder(nn.Module):
    """An autoencoder whose every bottleneck position is rebuilt from one shared memory.

    Source: Gong et al., 'Memorizing normality to detect anomaly', ICCV 2019.

    Relative to the paper: the cosine is multiplied by ``read.scale`` before the softmax; as
    written (scale 1) no weight of N slots can exceed about e²/N, and hard shrinkage has little to
    choose between.
    """

    def __init__(
        self,
        channels: Sequence[int] = (16, 32, 64, 128),
        slot_dim: int = 64,
        num_slots: int = 2000,
        read: ReadConfig | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = ImageEncoder(channels), ImageDecoder(channels)
        self.to_query = nn.Conv2d(channels[-1], slot_dim, 1)
        self.from_query = nn.Conv2d(slot_dim, channels[-1], 1)
        self.memory = MemoryMatrix(1, num_slots, slot_dim, read)

    def encode(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch slot_dim small_height small_width"]:
        """The query of each position, float32."""
        return self.to_query(self.encoder(images)).float()

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> tuple[
        Float[Tensor, "batch 1 height width"],
        Float[Tensor, "batch slot_dim small_height small_width"],
        Float[Tensor, "batch slot_dim small_height small_width"],
        Float[Tensor, "positions slots"],
    ]:
        """Reconstruction, queries, what the memory made of them, and the addressing weights."""
        query = self.encode(images)
        batch, _, height, width = query.shape
        read, weights = self.memory(query.permute(0, 2, 3, 1).flatten(0, 2)[:, None])
        read = read[:, 0].unflatten(0, (batch, height, width)).permute(0, 3, 1, 2)
        x = self.from_query(read.contiguous(memory_format=torch.channels_last))
        return self.decoder(x.relu()), query, read, weights[:, 0]


def small_size(image_size: tuple[int, int], channels: Sequence[int]) -> tuple[int, int]:
    """Height and width of the bottleneck.

    Raises:
        ValueError: the image is not divisible by 2 to the number of channels.
    """
    reduction = 2 ** len(channels)
    if image_size[0] % reduction or image_size[1] % reduction:
        raise ValueError(
            f"an image of {image_size[0]}x{image_size[1]} px cannot be halved {len(channels)} "
            f"times: choose a multiple of {reduction} px"
        )
    return image_size[0] // reduction, image_size[1] // reduction


def addressing_entropy(weights: Float[Tensor, "*batch slots"]) -> Float[Tensor, ""]:
    """Mean entropy of the addressing weights, in nats: small when few slots answer.

    Source: MemAE, eq. 9.
    """
    weights = weights.float()
    return -(weights * weights.clamp_min(1e-12).log()).sum(-1).mean()
