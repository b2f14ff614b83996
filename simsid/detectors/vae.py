"""VAE: an autoencoder whose codes of normal images follow a known distribution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.detectors.ae import default_grid, preset_channels
from simsid.detectors.base import Detector
from simsid.detectors.contract import Evidence, Player
from simsid.detectors.registry import register
from simsid.detectors.residual import RECONSTRUCTION, residual_evidence
from simsid.models.variational import VariationalAutoencoder

KL = "kl"


@dataclass(frozen=True)
class VAEConfig:
    """All numbers of ``vae``; saved with the weights.

    Attributes:
        grid_size: regions in which scores are told; the network does not know them.
        channels: encoder widths; each halves the size.
        latent_dim: size of the bottleneck vector.
        noise_std: grey levels, above 0, by which the decoder's distribution spreads around its mean.
        learning_rate, weight_decay: of AdamW, for all of the network.
        fusion, reduce, map_floor: see ``Detector``; the weight of 'kl' in ``fusion`` is how much
            of the divergence joins the residual.
    """

    image_size: tuple[int, int] = (96, 96)
    grid_size: tuple[int, int] = (3, 3)
    channels: tuple[int, ...] = (16, 32, 64, 128)
    latent_dim: int = 64
    noise_std: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    fusion: tuple[tuple[str, float], ...] = ((RECONSTRUCTION, 1.0), (KL, 0.0))
    reduce: str = "max"
    map_floor: float = 0.2

    @classmethod
    def preset(
        cls, preset: str, image_size: tuple[int, int], grid_size: tuple[int, int] | None
    ) -> VAEConfig:
        """Numbers for 'quick' (a minute on two cores) or 'paper' (twice as wide).

        Raises:
            ValueError: an unknown preset, or an image that is not a multiple of 16 px.
        """
        channels = preset_channels(preset, image_size)
        grid = grid_size or default_grid(image_size)
        return cls(image_size, grid, channels, 64 if preset == "quick" else 128)


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
