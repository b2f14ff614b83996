"""RIAD: cut a film to pieces, paint them in from the rest, compare edges."""

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
from simsid.models.patch_features import blur_for, smooth
from simsid.models.patches import image_to_patches
from simsid.models.riad import InpaintingUNet, disjoint_parts, gradient_dissimilarity, inpaint
from simsid.models.ssim import reversed_ssim

GRADIENT = "gradient"
_PAPER_SIDE, _PAPER_BLUR = 256, 6.0  # a mean of 21 px spreads as far as a Gaussian of 6


@dataclass(frozen=True, kw_only=True)
class RIADConfig(DetectorConfig):
    """All numbers of ``riad``; saved with the weights.

    Attributes:
        channels: of the U-Net; every entry but the first halves the size.
        block_size: 2 joins blocks of pixels into channels first, 1 does not.
        cell_sizes: sides of the cells that are cut out, in pixels (K).
        parts: into how many disjoint sets the cells fall (n), 2 to 16; each is painted in at a time.
        num_scales: of the gradient similarity, 1 to 4.
        gradient, similarity: weights of these losses beside the squared error (lambda_G, lambda_S).
        learning_rate, weight_decay: of AdamW, for the network.
    """

    channels: tuple[int, ...] = (16, 32, 64, 96)
    block_size: int = 2
    cell_sizes: tuple[int, ...] = (4, 8)
    parts: int = 3
    num_scales: int = 4
    gradient: float = 1.0
    similarity: float = 1.0
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    fusion: tuple[tuple[str, float], ...] = ((GRADIENT, 1.0),)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'quick' has two cell sizes, at half size; 'paper' four, and 64 to 512 channels.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        preset_channels(preset, image_size)  # checks the size
        if preset == "paper":
            return {
                "channels": (64, 128, 256, 512),
                "block_size": 1,
                "cell_sizes": (2, 4, 8, 16),
                "learning_rate": 1e-4,
            }
        return {"cell_sizes": (8, 16) if min(image_size) >= 128 else (4, 8)}


@register
class RIAD(Detector):
    """Reconstruction by in-painting. Source: Zavrtanik et al., Pattern Recognition 2021.

    Component, higher = more abnormal:

    - ``gradient``: one minus the multi-scale similarity of gradients, 0 to 1, averaged over cell
      sizes and blurred; the largest of each region (the paper's score is the largest of the image,
      eq. 9).

    Which cells fall into which part is drawn anew at each step of training and once for scoring,
    so that a score depends on the film alone.

    Relative to the paper: a region's evidence is measured against its own normals before the
    largest is taken; the similarity loss has the uniform window of ``reversed_ssim``; a Gaussian
    blur in proportion to the image replaces the mean of 21 px at 256.
    """

    name = "riad"
    config_class = RIADConfig
    components = (GRADIENT,)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 5, "paper": 300}
    own_maps: ClassVar[bool] = True
    masks: Tensor
    config: RIADConfig

    def __init__(self, config: RIADConfig) -> None:
        super().__init__(config)
        if not 2 <= config.parts <= 16 or min(config.cell_sizes, default=0) < 1:
            raise ValueError(
                f"parts must lie within 2 and 16 and cell_sizes be positive, not {config.parts} "
                f"and {config.cell_sizes}"
            )
        if not 1 <= config.num_scales <= 4:
            raise ValueError(f"num_scales must lie within 1 and 4, not {config.num_scales}")
        self.network = InpaintingUNet(self.image_size, config.channels, config.block_size)
        generator = torch.Generator().manual_seed(0)
        masks = [
            disjoint_parts(self.image_size, cell, config.parts, generator)
            for cell in config.cell_sizes
        ]
        self.register_buffer("masks", torch.stack(masks))
        self.sigma = blur_for(_PAPER_BLUR, self.image_size, _PAPER_SIDE)
        self.to(memory_format=torch.channels_last)

    def players(self, stage: str) -> dict[str, Player]:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return {"network": Player.of(self.network, rate, weight_decay=decay)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        config = self.config
        cell = config.cell_sizes[int(torch.randint(len(config.cell_sizes), ()))]
        part_of = disjoint_parts(self.image_size, cell, config.parts).to(images.device)
        painted = inpaint(self.network, images, part_of, config.parts)
        losses = {
            "reconstruction": F.mse_loss(painted, images),
            "gradient": gradient_dissimilarity(painted, images, config.num_scales).mean(),
            "similarity": reversed_ssim(painted, images),
        }
        loss = (
            losses["reconstruction"]
            + config.gradient * losses["gradient"]
            + config.similarity * losses["similarity"]
        )  # eq. 6
        yield "network", {"loss": loss} | losses

    def evidence(self, images: Tensor) -> Evidence:
        config = self.config
        painted = [inpaint(self.network, images, part_of, config.parts) for part_of in self.masks]
        maps = [gradient_dissimilarity(one, images, config.num_scales) for one in painted]
        pixels = smooth(torch.stack(maps).mean(0), self.image_size, self.sigma)
        regions = image_to_patches(pixels, self.grid_size).amax((2, 3, 4))
        return Evidence({GRADIENT: regions}, {GRADIENT: pixels}, torch.stack(painted).mean(0))
