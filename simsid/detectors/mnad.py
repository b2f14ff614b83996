"""MNAD: an autoencoder guided by a few prototypes of normal features."""

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
from simsid.models.autoencoder import small_size
from simsid.models.mnad import MemoryGuidedAutoencoder, compactness_loss, separateness_loss

SLOT_DISTANCE = "slot_distance"


@dataclass(frozen=True, kw_only=True)
class MNADConfig(DetectorConfig):
    """All numbers of ``mnad``; saved with the weights.

    Attributes:
        channels: encoder widths; each halves the size.
        slot_dim, num_slots: of the one memory that every position reads.
        read_scale: factor on the cosine before the softmax (1 in the paper).
        compactness, separateness: weights of these losses (lambda_c, lambda_s).
        margin: by which the second nearest slot shall be farther (alpha).
        learning_rate, weight_decay: of AdamW; the slots move by themselves.
        fusion: the paper's lambda is 0.6 or 0.7.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128)
    slot_dim: int = 64
    num_slots: int = 10
    read_scale: float = 10.0
    compactness: float = 0.1
    separateness: float = 0.1
    margin: float = 1.0
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    fusion: tuple[tuple[str, float], ...] = ((RECONSTRUCTION, 0.6), (SLOT_DISTANCE, 0.4))

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' is twice as wide, with slots of 512.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        channels = preset_channels(preset, image_size)
        return {"channels": channels, "slot_dim": 64 if preset == "quick" else 512}


@register
class MNAD(Detector):
    """Memory-guided normality, its reconstruction task. Source: Park et al., CVPR 2020.

    Components, higher = more abnormal:

    - ``reconstruction``: mean squared residual of each region.
    - ``slot_distance``: squared distance of each position's query to its nearest slot, both of unit
      length: 0 to 4, the mean of each region.

    Relative to the paper: the memory rests at test time. There it goes on to follow the frames it
    takes for normal, so that a score would depend on the films scored before it. Components are
    standardised by training normals rather than by the least and most of a video, and the residual
    itself takes the place of its logarithm (PSNR).
    """

    name = "mnad"
    config_class = MNADConfig
    components = (RECONSTRUCTION, SLOT_DISTANCE)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 10, "paper": 200}
    config: MNADConfig

    def __init__(self, config: MNADConfig) -> None:
        super().__init__(config)
        self.autoencoder = MemoryGuidedAutoencoder(
            config.channels, config.slot_dim, config.num_slots, config.read_scale
        )
        self.small = small_size(self.image_size, config.channels)
        self.to(memory_format=torch.channels_last)

    def players(self, stage: str) -> dict[str, Player]:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return {"autoencoder": Player.of(self.autoencoder, rate, weight_decay=decay)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        config = self.config
        rebuilt, queries = self.autoencoder(images)
        nearest, second = self.autoencoder.memory.nearest(queries)
        losses = {
            "reconstruction": F.mse_loss(rebuilt, images),
            "compactness": compactness_loss(nearest, config.slot_dim),
            "separateness": separateness_loss(nearest, second, config.margin),
        }
        loss = (
            losses["reconstruction"]
            + config.compactness * losses["compactness"]
            + config.separateness * losses["separateness"]
        )  # eq. 7
        yield "autoencoder", {"loss": loss} | losses
        self.autoencoder.memory.follow(queries)

    def evidence(self, images: Tensor) -> Evidence:
        rebuilt, queries = self.autoencoder(images)
        residual = residual_evidence(images, rebuilt, self.grid_size)
        distance = self.autoencoder.memory.nearest(queries)[0].reshape(-1, 1, *self.small)
        regions = F.adaptive_avg_pool2d(distance, self.grid_size).flatten(1)
        return Evidence(residual.regions | {SLOT_DISTANCE: regions}, residual.pixels, rebuilt)
