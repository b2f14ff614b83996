"""The plain autoencoder: what cannot be rebuilt from normal images' features is abnormal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.detectors.base import Detector
from simsid.detectors.contract import Evidence, Player
from simsid.detectors.registry import register
from simsid.detectors.residual import RECONSTRUCTION, residual_evidence
from simsid.models.autoencoder import Autoencoder, small_size

_CHANNELS = {"quick": (16, 32, 64, 128), "paper": (32, 64, 128, 256)}


@dataclass(frozen=True)
class AutoencoderConfig:
    """All numbers of ``ae``; saved with the weights.

    Attributes:
        grid_size: regions in which scores are told; the network does not know them.
        channels: encoder widths; each halves the size.
        latent_dim: size of the bottleneck vector.
        fusion, reduce, map_floor: see ``Detector``.
    """

    image_size: tuple[int, int] = (96, 96)
    grid_size: tuple[int, int] = (3, 3)
    channels: tuple[int, ...] = (16, 32, 64, 128)
    latent_dim: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    fusion: tuple[tuple[str, float], ...] = ((RECONSTRUCTION, 1.0),)
    reduce: str = "max"
    map_floor: float = 0.2

    @classmethod
    def preset(
        cls, preset: str, image_size: tuple[int, int], grid_size: tuple[int, int] | None
    ) -> AutoencoderConfig:
        """Numbers for 'quick' (a minute on two cores) or 'paper' (twice as wide).

        Raises:
            ValueError: an unknown preset, or an image that is not a multiple of 16 px.
        """
        channels = preset_channels(preset, image_size)
        grid = grid_size or default_grid(image_size)
        return cls(image_size, grid, channels, 64 if preset == "quick" else 128)


def preset_channels(preset: str, image_size: tuple[int, int]) -> tuple[int, ...]:
    """Widths of the encoder, checked against the image size.

    Raises:
        ValueError: an unknown preset, or an image that is not a multiple of 16 px.
    """
    if preset not in _CHANNELS:
        raise ValueError(f"preset must be 'quick' or 'paper', not '{preset}'")
    small_size(image_size, _CHANNELS[preset])
    return _CHANNELS[preset]


def default_grid(image_size: tuple[int, int]) -> tuple[int, int]:
    """Regions of 32 px, or of 16 px along a side of which 32 is no divisor.

    Raises:
        ValueError: neither divides a side.
    """
    if any(size % 16 or size < 16 for size in image_size):
        raise ValueError(
            f"an image of {image_size[0]}x{image_size[1]} px has no regions of 16 px: choose a "
            "multiple of 16 px"
        )
    rows, cols = (size // 32 if size % 32 == 0 else size // 16 for size in image_size)
    return rows, cols


@register
class AutoencoderDetector(Detector):
    """Convolutional autoencoder of the whole image; score: squared residual."""

    name = "ae"
    config_class = AutoencoderConfig
    components = (RECONSTRUCTION,)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 12, "paper": 200}
    config: AutoencoderConfig

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        self.autoencoder = Autoencoder(self.image_size, config.channels, config.latent_dim)
        self.to(memory_format=torch.channels_last)

    def players(self, stage: str) -> dict[str, Player]:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return {"autoencoder": Player.of(self.autoencoder, rate, weight_decay=decay)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        yield "autoencoder", {"loss": F.mse_loss(self.autoencoder(images), images)}

    def evidence(self, images: Tensor) -> Evidence:
        return residual_evidence(images, self.autoencoder(images), self.grid_size)
