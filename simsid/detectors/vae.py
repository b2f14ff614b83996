"""VAE: an autoencoder whose codes of normal images follow a known distribution."""

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
from simsid.models.variational import VariationalAutoencoder

KL = "kl"


@dataclass(frozen=True, kw_only=True)
class VAEConfig(DetectorConfig):
    """All numbers of ``vae``; saved with the weights.

    Attributes:
        channels: encoder widths; each halves the size.
        latent_dim: size of the bottleneck vector.
        noise_std: grey levels, above 0, by which the decoder's distribution spreads around its mean.
        learning_rate, weight_decay: of AdamW, for all of the network.
        fusion: the weight of 'kl' in ``fusion`` is how much
            of the divergence joins the residual.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128)
    latent_dim: int = 64
    noise_std: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    fusion: tuple[tuple[str, float], ...] = ((RECONSTRUCTION, 1.0), (KL, 0.0))

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' is twice as wide.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        channels = preset_channels(preset, image_size)
        return {"channels": channels, "latent_dim": 64 if preset == "quick" else 128}


@register
class VAE(Detector):
    """Variational autoencoder. Source: Kingma and Welling, ICLR 2014; as a detector of anomalies:
    An and Cho, 2015; Zimmerer et al., 2018.

    Components, higher = more abnormal:

    - ``reconstruction``: mean squared residual of each region, rebuilt from the posterior's mean;
      the map is its pixels.
    - ``kl``: divergence of the image's code from the prior, in nats: one number for the image, the
      same in every region.

    Relative to the papers: the two parts of the bound are weighted in standard deviations of
    normals (``fusion``), not in nats, where thousands of pixels would leave the code no say; and
    no gradient of the bound is drawn as a map.
    """

    name = "vae"
    config_class = VAEConfig
    components = (RECONSTRUCTION, KL)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 12, "paper": 200}
    config: VAEConfig

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        if config.noise_std <= 0:
            raise ValueError(f"noise_std must be positive, not {config.noise_std}")
        self.autoencoder = VariationalAutoencoder(
            self.image_size, config.channels, config.latent_dim
        )
        self.to(memory_format=torch.channels_last)

    def players(self, stage: str) -> dict[str, Player]:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return {"autoencoder": Player.of(self.autoencoder, rate, weight_decay=decay)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        rebuilt, divergence = self.autoencoder.rebuild(images)
        reconstruction, kl = F.mse_loss(rebuilt, images), divergence.mean()
        pixels = images[0].numel()
        loss = reconstruction + 2 * self.config.noise_std**2 / pixels * kl  # -ELBO, scaled
        yield "autoencoder", {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    def evidence(self, images: Tensor) -> Evidence:
        rebuilt, divergence = self.autoencoder.rebuild(images)
        residual = residual_evidence(images, rebuilt, self.grid_size)
        kl = divergence[:, None].expand_as(residual.regions[RECONSTRUCTION])
        return Evidence(residual.regions | {KL: kl}, residual.pixels, rebuilt)
