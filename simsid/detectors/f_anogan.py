"""f-AnoGAN: a generator of normal films, and an encoder that finds the film it would make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.image_kind import ImageKind
from simsid.detectors.ae import preset_channels
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Player, Stage
from simsid.detectors.registry import register
from simsid.detectors.residual import RECONSTRUCTION, residual_evidence
from simsid.models.gan import (
    Critic,
    GanGenerator,
    LatentEncoder,
    encoder_losses,
    gan_turns,
    residuals,
)

FEATURES = "features"
GAN, ENCODER = "gan", "encoder"


@dataclass(frozen=True, kw_only=True)
class FAnoGANConfig(DetectorConfig):
    """All numbers of ``f-anogan``; saved with the weights.

    Attributes:
        channels: widths of generator, critic and encoder; each halves the size.
        latent_dim: size of the noise.
        critic_steps: of the critic for each of the generator, at least 1.
        penalty: weight of the critic's gradient penalty.
        kappa: weight of the feature residual beside the pixels', in the encoder's loss.
        gan_share: of the epochs, between 0 and 1, for generator and critic; the rest is the encoder's.
        learning_rate: of generator and critic. encoder_learning_rate: of the encoder.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128)
    latent_dim: int = 64
    critic_steps: int = 1
    penalty: float = 10.0
    kappa: float = 1.0
    gan_share: float = 0.5
    learning_rate: float = 5e-3
    encoder_learning_rate: float = 5e-3
    fusion: tuple[tuple[str, float], ...] = ((RECONSTRUCTION, 1.0), (FEATURES, 1.0))

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' has noise of 128 and 5 critic steps.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        numbers: dict[str, Any] = {"channels": preset_channels(preset, image_size)}
        if preset == "paper":
            numbers |= {"latent_dim": 128, "critic_steps": 5, "gan_share": 0.7,
                        "learning_rate": 1e-4, "encoder_learning_rate": 5e-5}  # fmt: skip
        return numbers


@register
class FAnoGAN(Detector):
    """Fast AnoGAN with the izi_f encoder. Source: Schlegl et al., Medical Image Analysis 2019.

    Two stages: generator and critic (a Wasserstein GAN with gradient penalty), then the encoder,
    while both of these rest. Components, higher = more abnormal:

    - ``reconstruction``: A_R, mean squared residual of each region.
    - ``features``: A_D, mean squared difference of the critic's features of film and
      reconstruction, at the positions of each region.

    Relative to the paper: both parts are weighed in standard deviations of normals, region by
    region, where the paper adds them as they are with kappa 1. See also ``simsid.models.gan``.
    """

    name = "f-anogan"
    config_class = FAnoGANConfig
    components = (RECONSTRUCTION, FEATURES)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 12, "paper": 400}
    config: FAnoGANConfig

    def __init__(self, config: FAnoGANConfig) -> None:
        super().__init__(config)
        if not 0 < config.gan_share < 1:
            raise ValueError(f"gan_share must lie between 0 and 1, not {config.gan_share}")
        if config.critic_steps < 1:
            raise ValueError(f"critic_steps must be at least 1, not {config.critic_steps}")
        shape = (self.image_size, config.channels)
        self.generator = GanGenerator(*shape, config.latent_dim)
        self.critic = Critic(*shape)
        self.encoder = LatentEncoder(*shape, config.latent_dim)
        self.to(memory_format=torch.channels_last)

    def stages(self) -> Sequence[Stage]:
        share = self.config.gan_share
        return (Stage(GAN, share), Stage(ENCODER, 1 - share))

    def players(self, stage: str) -> dict[str, Player]:
        config = self.config
        if stage == ENCODER:
            return {"encoder": Player.of(self.encoder, config.encoder_learning_rate)}
        betas = (0.0, 0.9)
        return {
            "critic": Player.of(self.critic, config.learning_rate, betas),
            "generator": Player.of(self.generator, config.learning_rate, betas),
        }

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        config = self.config
        if stage == GAN:
            yield from gan_turns(
                self.generator, self.critic, images, config.critic_steps, config.penalty
            )
            return
        self.generator.eval()  # it rests: its statistics are those of noise
        rebuilt = self.generator(self.encoder(images))
        yield "encoder", encoder_losses(self.critic, images, rebuilt, config.kappa)

    def evidence(self, images: Tensor) -> Evidence:
        rebuilt = self.generator(self.encoder(images))
        residual = residual_evidence(images, rebuilt, self.grid_size)
        _, difference = residuals(self.critic, images, rebuilt)
        regions = F.adaptive_avg_pool2d(difference[:, None], self.grid_size).flatten(1)
        return Evidence(residual.regions | {FEATURES: regions}, residual.pixels, rebuilt)
