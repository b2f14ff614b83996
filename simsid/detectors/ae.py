"""The plain autoencoder: what cannot be rebuilt from normal images' features is abnormal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.image_kind import ImageKind
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Player
from simsid.detectors.registry import register
from simsid.detectors.residual import RECONSTRUCTION, residual_evidence
from simsid.models.autoencoder import Autoencoder, small_size

_CHANNELS = {"quick": (16, 32, 64, 128), "paper": (32, 64, 128, 256)}


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(DetectorConfig):
    """All numbers of ``ae``; saved with the weights.

    Attributes:
        channels: encoder widths; each halves the size.
        latent_dim: size of the bottleneck vector.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128)
    latent_dim: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    fusion: tuple[tuple[str, float], ...] = ((RECONSTRUCTION, 1.0),)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' is twice as wide.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        channels = preset_channels(preset, image_size)
        return {"channels": channels, "latent_dim": 64 if preset == "quick" else 128}


def preset_channels(preset: str, image_size: tuple[int, int]) -> tuple[int, ...]:
    """Widths of the encoder, checked against the image size.

    Raises:
        ValueError: an image that is not a multiple of 16 px.
    """
    small_size(image_size, _CHANNELS[preset])
    return _CHANNELS[preset]


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
