"""SimSID: learned space-aware memory, in-painting, student and teacher, region posterior."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from simsid.detectors.registry import register
from simsid.detectors.space_aware import (
    FEATURE_DISTANCE,
    LossWeights,
    SpaceAwareDetector,
)
from simsid.models.coders import PatchDecoder, PatchEncoder
from simsid.models.generator import Generator, GeneratorOutput
from simsid.models.inpainting import InpaintingBlock
from simsid.models.losses import coverage_loss
from simsid.models.memory import MemoryMatrix, ReadConfig, consolidate_slots, cosine_similarity


@dataclass(frozen=True)
class SimSIDConfig:
    """All numbers of ``simsid``; saved with the weights.

    Attributes:
        channels: encoder widths; the first at 1 / stem_stride of the patch, each next one halves.
        decoder_channels: the same for both decoders, narrower: they are most of the work.
        num_slots, top_k, read_scale, gumbel, shrink_threshold: the memory that rebuilds a patch.
        signature_dim, signature_slots: the feature that scores are measured on, and how many slots
            of it each region learns the posterior with.
        scoring_slots: slots of each region that scores are measured against, consolidated from
            the signatures of training normals.
        inpaint_prob: share of patches in-painted in training (masked shortcut).
        jitter_scale, jitter_shift, jitter_shear: augmentation, see ``jitter_patches``.
        fusion: weight of each component in the default score.
        reduce: 'max' when an anomaly sits in few regions, 'mean' when it is diffuse.
        map_floor: see ``Detector``.
    """

    image_size: tuple[int, int] = (96, 96)
    grid_size: tuple[int, int] = (3, 3)
    channels: tuple[int, ...] = (32, 64, 128)
    decoder_channels: tuple[int, ...] = (16, 32, 64)
    stem_stride: int = 2
    convs_per_level: int = 1
    slot_dim: int = 128
    signature_dim: int = 128
    signature_slots: int = 100
    num_slots: int = 100
    top_k: int | None = 5
    read_scale: float = 10.0
    gumbel: float = 0.0
    shrink_threshold: float = 0.0
    scoring_slots: int = 64
    posterior_scale: float = 10.0
    inpainting: bool = True
    inpaint_prob: float = 0.95
    distillation: bool = True
    stop_gradient: bool = True
    standardise_input: bool = False
    discriminator_channels: int = 16
    weights: LossWeights = field(default_factory=LossWeights)
    learning_rate: float = 2e-3
    discriminator_learning_rate: float = 2e-4
    weight_decay: float = 0.05
    jitter_scale: float = 0.4
    jitter_shift: float = 0.22
    jitter_shear: float = 0.12
    fusion: tuple[tuple[str, float], ...] = ((FEATURE_DISTANCE, 1.0),)
    reduce: str = "max"
    map_floor: float = 0.2

    @classmethod
    def preset(
        cls, preset: str, image_size: tuple[int, int], grid_size: tuple[int, int] | None
    ) -> SimSIDConfig:
        """Numbers for 'quick' (a minute on two cores) or 'paper' (the talk's sizes).

        Raises:
            ValueError: the image cannot be cut into patches of a multiple of 8 px.
        """
        grid_size = grid_size or (max(1, image_size[0] // 32), max(1, image_size[1] // 32))
        check_patches(image_size, grid_size, 8)
        check_preset(preset)
        if preset == "paper":
            return cls(
                image_size,
                grid_size,
                channels=(32, 64, 128, 256),
                decoder_channels=(32, 64, 128, 256),
                stem_stride=1,
                convs_per_level=2,
                slot_dim=256,
                num_slots=200,
                learning_rate=1e-3,
            )
        return cls(image_size, grid_size)


def check_preset(preset: str) -> None:
    """Raise ValueError unless the preset is one that every detector has."""
    if preset not in ("quick", "paper"):
        raise ValueError(f"preset must be 'quick' or 'paper', not '{preset}'")


def check_patches(image_size: tuple[int, int], grid_size: tuple[int, int], multiple: int) -> None:
    """Raise ValueError unless each patch is a whole multiple of ``multiple`` px on both sides."""
    for size, cells in zip(image_size, grid_size, strict=True):
        if size % cells or (size // cells) % multiple:
            raise ValueError(
                f"an image of {image_size[0]}x{image_size[1]} px on a {grid_size[0]}x{grid_size[1]} grid "
                f"does not give patches of a multiple of {multiple} px: choose another image or grid size"
            )


@register
class SimSID(SpaceAwareDetector):
    """Space-aware memory matrix with in-painting. Source: the SimSID report and paper.

    Relative to the paper: features also learn to tell their own region from all others (region
    posterior), patches are jittered, and the default score is the distance to slots consolidated
    from training normals instead of the discriminator's verdict.
    """

    name = "simsid"
    config_class = SimSIDConfig
    default_epochs = {"quick": 6, "paper": 200}
    config: SimSIDConfig

    def __init__(self, config: SimSIDConfig) -> None:
        super().__init__(config, _build(config))
        regions = config.grid_size[0] * config.grid_size[1]
        self.signature_slots = nn.Parameter(
            torch.randn(regions, config.signature_slots, config.signature_dim)
        )

    def learning_slots(self) -> Tensor:
        return self.signature_slots

    def coverage(self, out: GeneratorOutput) -> Tensor:
        similarity = cosine_similarity(out.signature.detach(), self.signature_slots)
        return super().coverage(out) + coverage_loss(similarity)

    def slots_for_scoring(self, signatures: Tensor) -> Tensor:
        return consolidate_slots(signatures, self.config.scoring_slots)


def _build(config: SimSIDConfig) -> Generator:
    grid = config.grid_size
    encoder = PatchEncoder(grid, config.channels, config.stem_stride, config.convs_per_level)
    height = config.image_size[0] // grid[0] // encoder.reduction
    width = config.image_size[1] // grid[1] // encoder.reduction
    read = ReadConfig(config.read_scale, config.top_k, config.shrink_threshold, config.gumbel)
    decoders = [
        PatchDecoder(grid, config.decoder_channels, config.stem_stride, config.convs_per_level)
        for _ in range(2 if config.distillation else 1)
    ]
    return Generator(
        encoder,
        MemoryMatrix(grid[0] * grid[1], config.num_slots, config.slot_dim, read),
        InpaintingBlock(grid, config.slot_dim) if config.inpainting else None,
        decoders[0],
        decoders[1] if config.distillation else None,
        encoder_size=config.channels[-1] * height * width,
        decoder_bottleneck=(config.decoder_channels[-1], height, width),
        signature_dim=config.signature_dim,
        inpaint_prob=config.inpaint_prob,
        standardise_input=config.standardise_input,
    )
