"""MemAE: an autoencoder that may only use what its memory of normal features holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.image_kind import ImageKind
from simsid.detectors.ae import preset_channels
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Player
from simsid.detectors.registry import register
from simsid.detectors.residual import RECONSTRUCTION, residual_evidence
from simsid.models.autoencoder import MemoryAutoencoder, addressing_entropy
from simsid.models.memory import ReadConfig

FEATURE_DISTANCE = "feature_distance"


@dataclass(frozen=True, kw_only=True)
class MemAEConfig(DetectorConfig):
    """All numbers of ``memae``; saved with the weights.

    Attributes:
        channels: encoder widths; each halves the size.
        slot_dim, num_slots: the one memory that every position reads.
        read_scale: factor on the cosine before the softmax (1 in the paper).
        shrinkage: hard shrinkage threshold (lambda) times num_slots (1 to 3 in the paper).
        entropy: weight (alpha) of the addressing entropy.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128, 128)
    slot_dim: int = 64
    num_slots: int = 500
    read_scale: float = 10.0
    shrinkage: float = 2.0
    entropy: float = 2e-4
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    fusion: tuple[tuple[str, float], ...] = ((RECONSTRUCTION, 1.0),)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' has 2000 slots and is twice as wide.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        channels = preset_channels(preset, image_size)
        if not any(size % 32 for size in image_size):
            channels = (*channels, channels[-1])  # a position for each 32 px: a tight bottleneck
        if preset == "paper":
            return {"channels": channels, "slot_dim": 256, "num_slots": 2000}
        return {"channels": channels}


@register
class MemAE(Detector):
    """Memory-augmented autoencoder. Source: Gong et al., ICCV 2019.

    Components, higher = more abnormal:

    - ``reconstruction``: mean squared residual of each region, the paper's score.
    - ``feature_distance``: 1 - cosine of each position's query and what the memory made of it.
    """

    name = "memae"
    config_class = MemAEConfig
    components = (RECONSTRUCTION, FEATURE_DISTANCE)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 10, "paper": 200}
    config: MemAEConfig

    def __init__(self, config: MemAEConfig) -> None:
        super().__init__(config)
        read = ReadConfig(
            scale=config.read_scale, top_k=None, threshold=config.shrinkage / config.num_slots
        )
        self.autoencoder = MemoryAutoencoder(
            config.channels, config.slot_dim, config.num_slots, read
        )
        self.to(memory_format=torch.channels_last)

    def players(self, stage: str) -> dict[str, Player]:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return {"autoencoder": Player.of(self.autoencoder, rate, weight_decay=decay)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        rebuilt, _, _, weights = self.autoencoder(images)
        reconstruction, entropy = F.mse_loss(rebuilt, images), addressing_entropy(weights)
        loss = reconstruction + self.config.entropy * entropy  # eq. 10
        yield "autoencoder", {"loss": loss, "reconstruction": reconstruction, "entropy": entropy}

    def evidence(self, images: Tensor) -> Evidence:
        rebuilt, query, read, _ = self.autoencoder(images)
        residual = residual_evidence(images, rebuilt, self.grid_size)
        distance = 1 - F.cosine_similarity(query, read, dim=1)
        regions = F.adaptive_avg_pool2d(distance[:, None], self.grid_size).flatten(1)
        return Evidence(residual.regions | {FEATURE_DISTANCE: regions}, residual.pixels, rebuilt)
