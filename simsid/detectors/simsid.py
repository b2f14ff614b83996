"""SimSID: learned space-aware memory, in-painting, student and teacher, region posterior."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simsid.detectors.base import FUSED
from simsid.detectors.contract import Evidence, Player
from simsid.detectors.registry import register
from simsid.detectors.space_aware import (
    CONTEXT_DISTANCE,
    FEATURE_DISTANCE,
    LESION,
    LossWeights,
    SpaceAwareDetector,
)
from simsid.models.coders import PatchDecoder, PatchEncoder
from simsid.models.generator import Generator, GeneratorOutput
from simsid.models.inpainting import InpaintingBlock
from simsid.models.lesions import (
    LesionBranch,
    LesionNetwork,
    cells_to_regions,
    check_cells,
    normal_levels,
    normal_scores,
    robust_deviations,
)
from simsid.models.losses import coverage_loss
from simsid.models.memory import (
    MemoryMatrix,
    ReadConfig,
    consolidate_slots,
    cosine_similarity,
    nearest_slot_euclidean,
)
from simsid.models.variation import VariationRange

# The talk's augmentation of films: moved and scaled as a whole by 5 %, never flipped.
FILM_JITTER: dict[str, Any] = {
    "jitter_scale": 0.05,
    "jitter_shift": 0.05,
    "jitter_shear": 0.0,
    "jitter_whole": True,
}
_MIN_CONTEXT_STD = 1e-3
_LEVELS = 65
_LESION_STREAM = 0x1E510
_FILM_STEPS = 600  # lesion networks need steps, however few the films


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
        space_aware: a memory for each region; without, all regions share one (the ablation).
        inpaint_prob: share of patches in-painted in training (masked shortcut).
        jitter_scale, jitter_shift, jitter_shear: augmentation, see ``jitter_patches``.
        jitter_whole: move films as a whole, not each patch on its own.
        lesion_channels: width of the lesion networks; 0 for none.
        lesion_members: how many of them; their logits are averaged.
        lesion_grafts: share of lesions that are grafts from another film, not opacities.
        lesion_decay: of the running mean of their weights, a step; 0 reads the last weights.
        lesion_variation: largest change of position and exposure that they are trained under.
        context_slots: slots of each region in the memory of the lesion networks' features.
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
    space_aware: bool = True
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
    jitter_whole: bool = False
    lesion_channels: int = 0
    lesion_members: int = 1
    lesion_grafts: float = 0.5
    lesion_decay: float = 0.995
    lesion_learning_rate: float = 2e-3
    lesion_variation: VariationRange = field(default_factory=VariationRange)
    context_slots: int = 64
    fusion: tuple[tuple[str, float], ...] = ((FEATURE_DISTANCE, 1.0),)
    reduce: str = "max"
    map_floor: float = 0.2

    @classmethod
    def preset(
        cls, preset: str, image_size: tuple[int, int], grid_size: tuple[int, int] | None
    ) -> SimSIDConfig:
        """Numbers for 'quick' (a minute on two cores) or 'paper' (the talk's sizes).

        Without a grid the images are films, not DigitAnatomy: see :func:`_for_films`.

        Raises:
            ValueError: the image cannot be cut into patches of a multiple of 8 px, 16 for films.
        """
        if grid_size is None and preset == "quick":
            return _for_films(cls, image_size)
        check_preset(preset)
        films = grid_size is None
        grid_size = grid_size or default_grid(preset, image_size)
        check_patches(image_size, grid_size, 16 if films else 8)
        if preset == "paper":
            widths = (32, 64, 128, 256, 512) if films else (32, 64, 128, 256)  # 4 levels, or 3
            return cls(
                image_size,
                grid_size,
                channels=widths,
                decoder_channels=widths,
                stem_stride=1,
                convs_per_level=2,
                slot_dim=256,
                num_slots=200,
                learning_rate=1e-3,
                **(FILM_JITTER if films else {}),
            )
        return cls(image_size, grid_size)


@contextmanager
def _own_stream(device: torch.device) -> Iterator[None]:
    """Random numbers that follow from the last seed set, whatever was drawn since.

    What the generator draws then moves no lesion, so that an ablation of one leaves the other
    as it is.
    """
    devices = [device] if device.type == "cuda" else []
    seed = torch.initial_seed()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed((seed + _LESION_STREAM) % 2**63)
        yield


def _for_films(cls: type[SimSIDConfig], image_size: tuple[int, int]) -> SimSIDConfig:
    """Radiographs: anomalies are diffuse, films differ in exposure, and lungs are no digits.

    Chosen on validation splits and under shift, see docs/decisions/0007.
    """
    grid_size = default_grid("quick", image_size)
    check_patches(image_size, grid_size, 16)
    large = min(side // cells for side, cells in zip(image_size, grid_size, strict=True)) >= 48
    return cls(
        image_size,
        grid_size,
        stem_stride=4 if large else 2,
        standardise_input=True,
        **FILM_JITTER,
        lesion_channels=24,
        fusion=((LESION, 0.9), (CONTEXT_DISTANCE, 0.1)),
        reduce="mean",
        map_floor=1.0,
    )


def default_grid(preset: str, image_size: tuple[int, int]) -> tuple[int, int]:
    """4x4, or fewer where patches would fall below 32 px; 2x2 as the talk in the paper's preset."""
    most = 2 if preset == "paper" else 4
    return tuple(min(most, max(1, side // 32)) for side in image_size)


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
    posterior), and patches are jittered. The default score is not the discriminator's verdict: for
    DigitAnatomy it is the distance to slots consolidated from training normals, for films what the
    lesion networks say. These add two components, higher = more abnormal:

    - ``lesion``: normal scores of the cells of a region, see :func:`normal_scores`, as a mean.
    - ``context_distance``: from the lesion networks' features to the nearest of the region's
      normal ones.
    """

    name = "simsid"
    config_class = SimSIDConfig
    default_epochs = {"quick": 6, "paper": 200}
    config: SimSIDConfig

    lesion_levels: Tensor
    context_mean: Tensor
    context_std: Tensor
    context_slots: Tensor

    def __init__(self, config: SimSIDConfig) -> None:
        super().__init__(config, _build(config))
        regions = config.grid_size[0] * config.grid_size[1]
        self.lesions = None
        if config.lesion_channels:
            check_cells(config.image_size)
            if config.context_slots < 1:
                raise ValueError(f"context_slots must be at least 1, not {config.context_slots}")
            with _own_stream(torch.device("cpu")):
                self.lesions = LesionBranch(
                    config.lesion_channels,
                    config.lesion_members,
                    config.lesion_grafts,
                    config.lesion_decay,
                )
            dim = self.lesions.feature_dim
            rows, cols = (side // LesionNetwork.cell for side in config.image_size)
            self.register_buffer("lesion_levels", torch.zeros(_LEVELS, rows, cols))
            self.register_buffer("context_mean", torch.zeros(regions, dim))
            self.register_buffer("context_std", torch.ones(regions, dim))
            self.register_buffer("context_slots", torch.zeros(regions, config.context_slots, dim))
        banks = regions if config.space_aware else 1
        self.signature_slots = nn.Parameter(
            torch.randn(banks, config.signature_slots, config.signature_dim)
        )

    def learning_slots(self) -> Tensor:
        return self.signature_slots.expand(self.grid_size[0] * self.grid_size[1], -1, -1)

    def coverage(self, out: GeneratorOutput) -> Tensor:
        similarity = cosine_similarity(out.signature.detach(), self.learning_slots())
        return super().coverage(out) + coverage_loss(similarity)

    def slots_for_scoring(self, signatures: Tensor) -> Tensor:
        return consolidate_slots(signatures, self.config.scoring_slots)

    # --- lesion networks --------------------------------------------------------------------

    @classmethod
    def components_of(cls, config: SimSIDConfig) -> tuple[str, ...]:
        extra = (LESION, CONTEXT_DISTANCE) if config.lesion_channels else ()
        return cls.components + extra

    @classmethod
    def epochs_for(cls, preset: str, config: SimSIDConfig, steps_per_epoch: int) -> int:
        if preset == "quick" and config.lesion_channels:
            return math.ceil(_FILM_STEPS / max(1, steps_per_epoch))
        return super().epochs_for(preset, config, steps_per_epoch)

    def players(self, stage: str) -> dict[str, Player]:
        players = super().players(stage)
        if self.lesions is not None:
            own = {id(parameter) for parameter in self.lesions.parameters()}
            generator = players["generator"]
            others = [p for p in generator.parameters if id(p) not in own]
            players["generator"] = dataclasses.replace(generator, parameters=others)
            players["lesions"] = Player(
                list(self.lesions.learners.parameters()),
                self.config.lesion_learning_rate,
                weight_decay=self.config.weight_decay,
            )
        return players

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        yield from super().training_step(images, stage)
        if self.lesions is not None:
            with _own_stream(images.device):
                loss = self.lesions.loss(images, self.config.lesion_variation)
            yield "lesions", {"loss": loss}
            self.lesions.follow()

    @torch.no_grad()
    def consolidate(self, batches: Callable[[], Iterator[Tensor]]) -> None:
        super().consolidate(batches)
        if self.lesions is None:
            return
        logits, context = [], []
        for images in batches():
            cells, features = self.lesions(images.to(self.device))
            logits.append(cells[:, 0])
            context.append(cells_to_regions(features, self.grid_size))
        self.lesion_levels.copy_(normal_levels(torch.cat(logits), _LEVELS))
        context = torch.cat(context)
        self.context_mean.copy_(context.mean(0))
        self.context_std.copy_(context.std(0).clamp_min(_MIN_CONTEXT_STD))
        context = (context - self.context_mean) / self.context_std
        if not self.config.space_aware:
            context = context.flatten(0, 1)[:, None]
        slots = consolidate_slots(context, self.config.context_slots, spherical=False)
        self.context_slots.copy_(slots)

    def evidence(self, images: Tensor) -> Evidence:
        evidence = super().evidence(images)
        if self.lesions is None:
            return evidence
        logits, features = self.lesions(images)
        rarity = normal_scores(logits[:, 0], self.lesion_levels)[:, None]
        context = cells_to_regions(features, self.grid_size)
        context = (context - self.context_mean) / self.context_std
        evidence.regions[LESION] = cells_to_regions(rarity, self.grid_size)[..., 0]
        evidence.regions[CONTEXT_DISTANCE] = nearest_slot_euclidean(context, self.context_slots)
        evidence.pixels[LESION] = F.interpolate(
            robust_deviations(logits[:, 0], self.lesion_levels)[:, None],
            size=self.image_size,
            mode="bilinear",
            align_corners=False,
        )
        return evidence

    def _map(self, name: str, images: Tensor, evidence: Evidence, regions: Tensor) -> Tensor:
        """The fused map shows the lesion networks' cells, finer than regions, and the rest below."""
        if name != FUSED or self.lesions is None:
            return super()._map(name, images, evidence, regions)
        index = self.components.index(LESION)
        share = self._fusion_weights()[index].to(regions.device)
        rest = regions - share * self.standardised(evidence)[index]
        smooth = F.interpolate(
            rest.reshape(-1, 1, *self.grid_size),
            size=self.image_size,
            mode="bilinear",
            align_corners=False,
        )
        return smooth + share * super()._map(LESION, images, evidence, regions)


def _build(config: SimSIDConfig) -> Generator:
    grid = config.grid_size
    encoder = PatchEncoder(grid, config.channels, config.stem_stride, config.convs_per_level)
    check_patches(config.image_size, grid, encoder.reduction)
    height = config.image_size[0] // grid[0] // encoder.reduction
    width = config.image_size[1] // grid[1] // encoder.reduction
    read = ReadConfig(config.read_scale, config.top_k, config.shrink_threshold, config.gumbel)
    decoders = [
        PatchDecoder(grid, config.decoder_channels, config.stem_stride, config.convs_per_level)
        for _ in range(2 if config.distillation else 1)
    ]
    return Generator(
        encoder,
        MemoryMatrix(
            grid[0] * grid[1], config.num_slots, config.slot_dim, read, config.space_aware
        ),
        InpaintingBlock(grid, config.slot_dim) if config.inpainting else None,
        decoders[0],
        decoders[1] if config.distillation else None,
        encoder_size=config.channels[-1] * height * width,
        decoder_bottleneck=(config.decoder_channels[-1], height, width),
        signature_dim=config.signature_dim,
        inpaint_prob=config.inpaint_prob,
        standardise_input=config.standardise_input,
    )
