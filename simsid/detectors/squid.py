"""SQUID: memory queues filled by copying, memories in the decoder, the talk's numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from simsid.data.image_kind import Films, ImageKind
from simsid.detectors.config import DetectorConfig
from simsid.detectors.method import Batches
from simsid.detectors.registry import register
from simsid.detectors.simsid_config import FILM_JITTER, check_patches, patch_grid
from simsid.detectors.space_aware import (
    FEATURE_DISTANCE,
    RECONSTRUCTION,
    REGION_POSTERIOR,
    LossWeights,
    SpaceAwareDetector,
)
from simsid.models.coders import PatchDecoder, PatchEncoder
from simsid.models.generator import Generator, PixelMemory
from simsid.models.inpainting import InpaintingBlock
from simsid.models.members import Members
from simsid.models.memory import MemoryQueue, ReadConfig, consolidate_slots

_PAPER_WEIGHTS = LossWeights(
    reconstruction=10.0,
    teacher=10.0,
    distillation=0.001,
    adversarial=0.005,
    posterior=0.0,
    coverage=0.0,
)


@dataclass(frozen=True, kw_only=True)
class SQUIDConfig(DetectorConfig):
    """All numbers of ``squid``; defaults are the talk's for digits (96 px, 3x3 patches, 3 levels).

    Attributes:
        base_channels, num_levels: encoder widths base * 2^level; each level halves the patch once.
        num_slots, top_k: 200 slots in every queue, 5 of them read.
        gumbel: real Gumbel noise on the addressing logits; 0 as in the official code.
        decoder_memories: queues after the inner decoder levels, as well as at the bottleneck.
        space_aware: a memory for each region; without, all regions share one (the ablation).
        inpaint_prob: share of patches in-painted in training (masked shortcut).
    """

    base_channels: int = 32
    num_levels: int = 3
    convs_per_level: int = 2
    slot_dim: int = 512
    num_slots: int = 200
    top_k: int | None = 5
    read_scale: float = 10.0
    gumbel: float = 0.0
    shrink_threshold: float = 0.0
    posterior_scale: float = 10.0
    space_aware: bool = True
    inpainting: bool = True
    inpaint_prob: float = 0.95
    decoder_memories: bool = True
    distillation: bool = True
    stop_gradient: bool = True
    standardise_input: bool = False
    discriminator_channels: int = 16
    weights: LossWeights = field(default_factory=lambda: _PAPER_WEIGHTS)
    learning_rate: float = 1e-4
    discriminator_learning_rate: float = 1e-4
    weight_decay: float = 1e-5
    jitter_scale: float = 0.0
    jitter_shift: float = 0.0
    jitter_shear: float = 0.0
    jitter_whole: bool = False
    fusion: tuple[tuple[str, float], ...] = (
        (FEATURE_DISTANCE, 1.0),
        (RECONSTRUCTION, 1.0),
        (REGION_POSTERIOR, 1.0),
    )

    @property
    def signature_dim(self) -> None:
        """The query serves the scores too."""
        return None

    @property
    def scoring_slots(self) -> int:
        """Scores are measured against centres of the queue, which holds training films as such."""
        return max(1, self.num_slots // 4)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'quick' halves the talk's widths, keeps 50 slots and learns faster.

        Raises:
            ValueError: the image cannot be cut into patches of a multiple of 8 px.
        """
        films, grid_size = isinstance(kind, Films), cls.grid_for(preset, image_size, kind)
        check_patches(image_size, grid_size, 16 if films and preset == "paper" else 8)
        moved = FILM_JITTER if films else {}
        if preset == "paper":
            return {"num_levels": 4 if films else 3, **moved}
        return {
            "base_channels": 16,
            "num_slots": 50,
            "convs_per_level": 1,
            "slot_dim": 256,
            "learning_rate": 1e-3,
            "discriminator_learning_rate": 2e-4,
            **moved,
        }

    @classmethod
    def default_grid(cls, preset: str, image_size: tuple[int, int]) -> tuple[int, int]:
        """See :func:`patch_grid`."""
        return patch_grid(preset, image_size)


@register
class SQUID(SpaceAwareDetector):
    """Space-aware memory queues for in-painting and detecting. Source: the SQUID talk and paper.

    Relative to the paper: top-k keeps exactly k; the queue's pointer is saved; after training the
    bottleneck queue is filled once more, by the finished encoder, so that what it holds is what
    the encoder would say now. Scores beside the discriminator's are ours.
    """

    name = "squid"
    config_class = SQUIDConfig
    default_epochs = {"quick": 3, "paper": 200}
    config: SQUIDConfig

    def __init__(self, config: SQUIDConfig) -> None:
        super().__init__(config, _build(config))

    @property
    def queue(self) -> MemoryQueue:
        """The memory at the bottleneck, as ``_build`` made it."""
        memory = self.generator.memory
        assert isinstance(memory, MemoryQueue)
        return memory

    def remember(self, query: Tensor) -> None:
        self.queue.enqueue(query)
        for memory in self.generator.decoder_memories or ():
            memory.remember()

    def consolidate(self, batches: Batches) -> None:
        self.eval()
        with torch.no_grad():
            for images in batches():
                query, _ = self.generator.encode(images.to(self.device))
                self.queue.refill(query)
        super().consolidate(batches)

    def slots_for_scoring(self, signatures: Tensor) -> Tensor:
        return consolidate_slots(self.queue.slots.transpose(0, 1), self.config.scoring_slots)


def _build(config: SQUIDConfig) -> Generator:
    grid, levels = config.grid_size, config.num_levels
    regions = grid[0] * grid[1]
    channels = [config.base_channels * 2**level for level in range(levels + 1)]
    encoder = PatchEncoder(grid, channels, convs_per_level=config.convs_per_level)
    check_patches(config.image_size, grid, encoder.reduction)
    height = config.image_size[0] // grid[0] // encoder.reduction
    width = config.image_size[1] // grid[1] // encoder.reduction
    read = ReadConfig(config.read_scale, config.top_k, config.shrink_threshold, config.gumbel)
    decoders = [
        PatchDecoder(grid, channels, convs_per_level=config.convs_per_level)
        for _ in range(2 if config.distillation else 1)
    ]
    inner = channels[::-1][1:-1]  # not at full size: there the pixels themselves would be copied
    memories = [
        PixelMemory(MemoryQueue(regions, config.num_slots, dim, read, config.space_aware))
        for dim in inner
    ]
    return Generator(
        encoder,
        MemoryQueue(regions, config.num_slots, config.slot_dim, read, config.space_aware),
        InpaintingBlock(grid, config.slot_dim, query_residual=False) if config.inpainting else None,
        decoders[0],
        decoders[1] if config.distillation else None,
        encoder_size=channels[-1] * height * width,
        decoder_bottleneck=(channels[-1], height, width),
        inpaint_prob=config.inpaint_prob,
        query_from_memory=False,
        decoder_memories=Members(memories) if config.decoder_memories else None,
        standardise_input=config.standardise_input,
    )
