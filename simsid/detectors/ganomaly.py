"""GANomaly: a normal film's code survives being decoded and encoded again."""

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
from simsid.models.gan import Critic
from simsid.models.ganomaly import EncoderDecoderEncoder
from simsid.models.losses import discriminator_loss

LATENT_DISTANCE = "latent_distance"


@dataclass(frozen=True, kw_only=True)
class GANomalyConfig(DetectorConfig):
    """All numbers of ``ganomaly``; saved with the weights.

    Attributes:
        channels: widths of encoders, decoder and discriminator; each halves the size.
        latent_dim: size of the code z (nz).
        adversarial, contextual, encoding: weights of the generator's losses (w_adv, w_con, w_enc).
        learning_rate: of the generator. discriminator_learning_rate: of the discriminator.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128)
    latent_dim: int = 64
    adversarial: float = 1.0
    contextual: float = 50.0
    encoding: float = 1.0
    learning_rate: float = 2e-3
    discriminator_learning_rate: float = 2e-4
    fusion: tuple[tuple[str, float], ...] = ((LATENT_DISTANCE, 0.5), (RECONSTRUCTION, 0.5))

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' has a code of 100 and is twice as wide.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        channels = preset_channels(preset, image_size)
        if preset == "paper":
            return {"channels": channels, "latent_dim": 100, "learning_rate": 2e-4}
        return {"channels": channels}


@register
class GANomaly(Detector):
    """Encoder, decoder, encoder, trained against a discriminator. Source: Akçay et al., ACCV 2018.

    Components, higher = more abnormal:

    - ``latent_distance``: mean absolute difference of the image's code and of its reconstruction's,
      the paper's score (eq. 5); one number for the image, the same in every region.
    - ``reconstruction``: mean squared residual of each region.

    Relative to the paper: the residual joins the score with half of the weight, since a code has
    no place in the image (``--score latent_distance`` is the paper's own); the contextual loss is
    the squared residual, since the absolute one is least for a black image where strokes are few;
    the discriminator has no batch normalisation.
    """

    name = "ganomaly"
    config_class = GANomalyConfig
    components = (LATENT_DISTANCE, RECONSTRUCTION)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 10, "paper": 200}
    training_only: ClassVar[tuple[str, ...]] = ("discriminator.",)
    config: GANomalyConfig

    def __init__(self, config: GANomalyConfig) -> None:
        super().__init__(config)
        self.generator = EncoderDecoderEncoder(self.image_size, config.channels, config.latent_dim)
        self.discriminator = Critic(self.image_size, config.channels)
        self.to(memory_format=torch.channels_last)

    def players(self, stage: str) -> dict[str, Player]:
        config, betas = self.config, (0.5, 0.999)
        return {
            "generator": Player.of(self.generator, config.learning_rate, betas),
            "discriminator": Player.of(
                self.discriminator, config.discriminator_learning_rate, betas
            ),
        }

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        config = self.config
        rebuilt, latent, again = self.generator(images)
        with torch.no_grad():
            real = self.discriminator.features(images).float()
        losses = {
            "adversarial": F.mse_loss(self.discriminator.features(rebuilt).float(), real),  # eq. 1
            "contextual": F.mse_loss(rebuilt, images),  # eq. 2
            "encoding": F.mse_loss(again, latent),  # eq. 3
        }
        loss = sum(getattr(config, name) * value for name, value in losses.items())  # eq. 4
        yield "generator", {"loss": loss} | losses
        fake = rebuilt.detach()
        logits = self.discriminator(images), self.discriminator(fake)
        yield "discriminator", {"loss": discriminator_loss(*logits)}

    def evidence(self, images: Tensor) -> Evidence:
        rebuilt, latent, again = self.generator(images)
        residual = residual_evidence(images, rebuilt, self.grid_size)
        distance = (again - latent).abs().mean(1, keepdim=True)
        regions = distance.expand_as(residual.regions[RECONSTRUCTION])
        return Evidence({LATENT_DISTANCE: regions} | residual.regions, residual.pixels, rebuilt)
