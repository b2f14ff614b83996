"""SimSID: learned space-aware memory, in-painting, student and teacher, region posterior."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simsid.detectors.contract import Evidence, Player
from simsid.detectors.method import Batches
from simsid.detectors.registry import register
from simsid.detectors.simsid_config import (
    CONTEXT_DISTANCE,
    LESION,
    UNEXPECTED,
    SimSIDConfig,
    check_patches,
    check_reading,
)
from simsid.detectors.space_aware import SpaceAwareDetector, smooth_square
from simsid.models.coders import PatchDecoder, PatchEncoder
from simsid.models.generator import Generator, GeneratorOutput
from simsid.models.inpainting import InpaintingBlock
from simsid.models.lesions import (
    LesionBranch,
    LesionNetwork,
    cells_to_regions,
    centred,
    check_cells,
    excess_probability,
    normal_levels,
    normal_scores,
)
from simsid.models.losses import coverage_loss
from simsid.models.memory import (
    MemoryMatrix,
    ReadConfig,
    consolidate_slots,
    cosine_similarity,
    nearest_slot_euclidean,
)
from simsid.models.patches import image_to_patches

_MIN_CONTEXT_STD = 1e-3
_LEVELS = 65
_LESION_STREAM = 0x1E510
_FILM_STEPS = 600  # lesion networks need steps, however few the films


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

    And with ``expected``, for all pictures:

    - ``unexpected``: mean squared difference, a little smoothed, from what a normal film would
      have in the region, told from all other regions alone (``ExpectedFilm``).
    """

    name = "simsid"
    config_class = SimSIDConfig
    default_epochs = {"quick": 6, "paper": 200}
    training_only: ClassVar[tuple[str, ...]] = (
        *SpaceAwareDetector.training_only,
        "signature_slots",
        "lesions.learners.",
    )
    other_players: ClassVar[tuple[str, ...]] = (*SpaceAwareDetector.other_players, "lesions.")
    settles_score = True
    config: SimSIDConfig

    lesion_levels: Tensor
    centred_levels: Tensor
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
            check_reading(config.lesion_centring, config.lesion_limit)
            with _own_stream(torch.device("cpu")):
                self.lesions = LesionBranch(
                    config.lesion_channels,
                    config.lesion_members,
                    config.lesion_grafts,
                    config.lesion_decay,
                )
            self.lesions.to(memory_format=torch.channels_last)  # films are scored 1.3 times faster
            dim = self.lesions.feature_dim
            rows, cols = (side // LesionNetwork.cell for side in config.image_size)
            self.register_buffer("lesion_levels", torch.zeros(_LEVELS, rows, cols))
            if config.lesion_centring:  # beside the levels of logits, which maps are told by
                self.register_buffer("centred_levels", torch.zeros(_LEVELS, rows, cols))
            self.register_buffer("context_mean", torch.zeros(regions, dim))
            self.register_buffer("context_std", torch.ones(regions, dim))
            self.register_buffer("context_slots", torch.zeros(regions, config.context_slots, dim))
        banks = regions if config.space_aware else 1
        self.signature_slots = nn.Parameter(
            torch.randn(banks, config.signature_slots, config.signature_dim)
        )

    def practised_families(self) -> tuple[str, ...]:
        return ("opacity", "graft", "painted") if self.lesions is not None else ()

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
        return cls.components + extra + ((UNEXPECTED,) if config.expected else ())

    def copy_to_learners(self) -> None:
        if self.lesions is not None:  # a model folder holds the running means alone
            self.lesions.learners.load_state_dict(self.lesions.averages.state_dict())

    @classmethod
    def epochs_for(cls, preset: str, config: SimSIDConfig, steps_per_epoch: int) -> int:
        if preset == "quick" and config.lesion_channels:
            return math.ceil(_FILM_STEPS / max(1, steps_per_epoch))
        return super().epochs_for(preset, config, steps_per_epoch)

    def players(self, stage: str) -> dict[str, Player]:
        players = super().players(stage)
        if self.lesions is not None:
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
    def consolidate(self, batches: Batches) -> None:
        super().consolidate(batches)
        if self.lesions is None:
            return
        logits, context = [], []
        for images in batches():
            said, features = self.lesions(images.to(self.device))
            logits.append(said[:, 0])
            context.append(cells_to_regions(features, self.grid_size))
        cells = torch.cat(logits)
        self.lesion_levels.copy_(normal_levels(cells, _LEVELS))
        if self.config.lesion_centring:
            told = centred(cells, self.config.lesion_centring)
            self.centred_levels.copy_(normal_levels(told, _LEVELS))
        joined = torch.cat(context)
        self.context_mean.copy_(joined.mean(0))
        self.context_std.copy_(joined.std(0).clamp_min(_MIN_CONTEXT_STD))
        joined = (joined - self.context_mean) / self.context_std
        if not self.config.space_aware:
            joined = joined.flatten(0, 1)[:, None]
        slots = consolidate_slots(joined, self.config.context_slots, spherical=False)
        self.context_slots.copy_(slots)

    def evidence(self, images: Tensor) -> Evidence:
        evidence = super().evidence(images)
        if self.config.expected:
            difference = smooth_square(self.expected_films(images) - images)
            regions = image_to_patches(difference, self.grid_size).mean((2, 3, 4))
            evidence.regions[UNEXPECTED] = regions
            evidence.pixels[UNEXPECTED] = difference
        if self.lesions is None:
            return evidence
        logits, features = self.lesions(images)
        rarity = self._rarity(logits[:, 0])[:, None]
        context = cells_to_regions(features, self.grid_size)
        context = (context - self.context_mean) / self.context_std
        evidence.regions[LESION] = cells_to_regions(rarity, self.grid_size)[..., 0]
        evidence.regions[CONTEXT_DISTANCE] = nearest_slot_euclidean(context, self.context_slots)
        evidence.pixels[LESION] = F.interpolate(
            excess_probability(logits[:, 0], self.lesion_levels)[:, None],
            size=self.image_size,
            mode="bilinear",
            align_corners=False,
        )
        return evidence

    def _rarity(self, logits: Tensor) -> Tensor:
        """Normal score of each cell, (batch, rows, columns)."""
        centring, limit = self.config.lesion_centring, self.config.lesion_limit
        levels = self.centred_levels if centring else self.lesion_levels
        rarity = normal_scores(centred(logits, centring) if centring else logits, levels)
        return rarity if limit is None else rarity.clamp(-limit, limit)

    def fused_map(self, images: Tensor, evidence: Evidence, regions: Tensor) -> Tensor | None:
        """The lesion networks' cells, finer than regions, and what other components say below."""
        if self.lesions is None:
            return None
        index = self.components.index(LESION)
        share = self.fusion_weights()[index].to(regions.device)
        rest = regions - share * self.standardised(evidence)[index]
        smooth = F.interpolate(
            rest.reshape(-1, 1, *self.grid_size),
            size=self.image_size,
            mode="bilinear",
            align_corners=False,
        )
        return smooth + share * self.component_map(LESION, images, evidence, regions)


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
