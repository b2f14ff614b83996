"""GAN localiser: a GAN of normals says what would be healthy, a localiser what is not and where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.image_kind import Cells, ImageKind
from simsid.detectors.ae import preset_channels
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Player, Stage
from simsid.detectors.registry import register
from simsid.models.gan import (
    Critic,
    GanGenerator,
    LatentEncoder,
    encoder_losses,
    gan_turns,
    residuals,
)
from simsid.models.layers import square_mean
from simsid.models.localiser import Localiser, localiser_losses, make_unhealthy
from simsid.models.patches import image_to_patches
from simsid.models.variation import VariationRange, draw_variation

LESION, GAN = "lesion", "gan"
_BETAS = (0.0, 0.9)  # of Wasserstein GANs with gradient penalty
_QUICK_STEPS, _MOST_EPOCHS = 1200, 40  # on 96 x 96 px; fewer on larger films: about a minute
_DRAWN = VariationRange(0.03, 0.02, 0.02, 0.02, 0.1, 0.1, 0.03, 0.3, 0.02)


@dataclass(frozen=True, kw_only=True)
class GanLocaliserConfig(DetectorConfig):
    """All numbers of ``gan-localiser``; saved with the weights.

    Attributes:
        channels: widths of generator, critic and encoder; each halves the size.
        latent_dim: size of the noise.
        critic_steps: turns of the critic for each of the generator.
        penalty: weight of the gradient penalty. kappa: of features beside pixels (izi_f).
        tune_generator: whether the generator learns on in the encoder's stage.
        localiser_channels: widths of the U-Net; each halves the size.
        painted_share: of the synthetic lesions, how many are painted; the rest are transplants.
        variation: exposure and position that the localiser must see through.
        stage_shares: of the epochs, for the stages 'gan', 'encoder' and 'localiser'.
        gan_learning_rate, encoder_learning_rate, localiser_learning_rate: learning rates in these stages.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128)
    latent_dim: int = 64
    critic_steps: int = 1
    penalty: float = 10.0
    kappa: float = 1.0
    tune_generator: bool = True
    localiser_channels: tuple[int, ...] = (16, 32, 64, 96)
    painted_share: float = 0.5
    variation: VariationRange = field(default_factory=VariationRange)
    stage_shares: tuple[float, float, float] = (0.1, 0.3, 0.6)
    gan_learning_rate: float = 1e-3
    encoder_learning_rate: float = 2e-3
    localiser_learning_rate: float = 4e-3
    fusion: tuple[tuple[str, float], ...] = ((LESION, 1.0),)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' as f-AnoGAN trains.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        numbers: dict[str, Any] = {"channels": preset_channels(preset, image_size)}
        if isinstance(kind, Cells):  # drawn pictures come from no foreign scanner
            numbers |= {"painted_share": 0.1, "variation": _DRAWN}
        if preset == "paper":
            numbers |= {
                "latent_dim": 128,
                "critic_steps": 5,
                "tune_generator": False,
                "localiser_channels": (32, 64, 128, 192),
                "stage_shares": (0.5, 0.2, 0.3),
                "gan_learning_rate": 1e-4,
                "encoder_learning_rate": 1e-4,
                "localiser_learning_rate": 1e-3,
            }
        return numbers


@register
class GanLocaliser(Detector):
    """Generator, critic and encoder of f-AnoGAN, then a learned localiser. Source: 003 and f-AnoGAN.

    The note asks for a GAN of normals that detects, restores the unhealthy part and segments it,
    without masks of patients, and for transfer learning where films are few: see ``--init-from``.
    It names no networks; decision 12 says what was chosen. Components, higher = more abnormal:

    - ``lesion``: log of the mean probability of being unhealthy in each region; its map is the
      segmentation's logit.
    - ``gan``: f-AnoGAN's score, squared residual of pixels and, times kappa, of the critic's
      features.

    The reconstruction is the restored film.
    """

    name = "gan-localiser"
    config_class = GanLocaliserConfig
    components = (LESION, GAN)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 12, "paper": 300}
    own_maps: ClassVar[bool] = True
    config: GanLocaliserConfig

    def __init__(self, config: GanLocaliserConfig) -> None:
        super().__init__(config)
        size, channels = self.image_size, config.channels
        self.generator = GanGenerator(size, channels, config.latent_dim)
        self.critic = Critic(size, channels)
        self.encoder = LatentEncoder(size, channels, config.latent_dim)
        self.localiser = Localiser(config.localiser_channels)
        self.to(memory_format=torch.channels_last)

    @classmethod
    def epochs_for(cls, preset: str, config: GanLocaliserConfig, steps_per_epoch: int) -> int:
        """'quick' takes as many steps however many films there are, fewer on larger films."""
        if preset != "quick":
            return super().epochs_for(preset, config, steps_per_epoch)
        height, width = config.image_size
        steps = _QUICK_STEPS * 96 * 96 / (height * width)
        return min(_MOST_EPOCHS, max(3, math.ceil(steps / max(1, steps_per_epoch))))

    def stages(self) -> Sequence[Stage]:
        names = ("gan", "encoder", "localiser")
        return [
            Stage(name, share) for name, share in zip(names, self.config.stage_shares, strict=True)
        ]

    def practised_families(self) -> tuple[str, ...]:
        return ("opacity", "graft", "foreign", "painted")  # painted lesions and transplants

    def players(self, stage: str) -> dict[str, Player]:
        config = self.config
        if stage == "gan":
            return {
                "critic": Player.of(self.critic, config.gan_learning_rate, _BETAS),
                "generator": Player.of(self.generator, config.gan_learning_rate, _BETAS),
            }
        if stage == "encoder":
            moved = list(self.encoder.parameters())
            moved += list(self.generator.parameters()) if config.tune_generator else []
            return {"encoder": Player(moved, config.encoder_learning_rate)}
        return {"localiser": Player.of(self.localiser, config.localiser_learning_rate)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        config = self.config
        if stage == "gan":
            yield from gan_turns(
                self.generator, self.critic, images, config.critic_steps, config.penalty
            )
        elif stage == "encoder":
            if not config.tune_generator:
                self.generator.eval()
            rebuilt = self.generator(self.encoder(images))
            yield "encoder", encoder_losses(self.critic, images, rebuilt, config.kappa)
        else:
            yield "localiser", self._localiser_losses(images)

    def _localiser_losses(self, images: Tensor) -> dict[str, Tensor]:
        """On films with synthetic lesions, exposed and posed anew."""
        made, truth = make_unhealthy(images, self.config.painted_share)
        drawn = draw_variation(images, self.config.variation)
        truth = drawn.move(truth, padding_mode="zeros")
        # Both get the same noise: what they differ in must be the lesion.
        quiet = replace(drawn, noise=torch.zeros_like(drawn.noise))
        noise = drawn.noise * torch.randn_like(images)
        healthy = (quiet.expose(drawn.move(images)) + noise).clamp(0, 1)
        made = (quiet.expose(drawn.move(made)) + noise).clamp(0, 1)
        with torch.no_grad():
            self.encoder.eval()
            self.generator.eval()
            rebuilt = self.generator(self.encoder(made))
        logits, restored = self.localiser(made, rebuilt)
        return localiser_losses(logits, restored, truth, healthy)

    def evidence(self, images: Tensor) -> Evidence:
        rebuilt = self.generator(self.encoder(images))
        logits, restored = self.localiser(images, rebuilt)
        unhealthy = image_to_patches(logits.sigmoid(), self.grid_size).mean((2, 3, 4))
        pixels, features = residuals(self.critic, images, rebuilt)
        gan = image_to_patches(pixels, self.grid_size).mean((2, 3, 4))
        # Each feature lies over a square of pixels; a region takes those above it.
        features = F.interpolate(features[:, None], size=self.image_size, mode="nearest")
        gan = gan + self.config.kappa * image_to_patches(features, self.grid_size).mean((2, 3, 4))
        regions = {LESION: unhealthy.clamp_min(1e-6).log(), GAN: gan}
        smooth = square_mean(pixels)
        return Evidence(regions, {LESION: logits, GAN: smooth}, restored)
