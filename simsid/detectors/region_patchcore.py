"""Region and global-specific PatchCore: aligned films, a memory for each region and one for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from simsid.detectors.contract import Evidence, Player, Stage
from simsid.detectors.method import Batches
from simsid.detectors.patch_memory import PatchMemoryDetector
from simsid.detectors.region_patchcore_config import GLOBAL, REGION, RegionPatchCoreConfig
from simsid.detectors.registry import register
from simsid.models import alignment
from simsid.models.backbones import OWN
from simsid.models.coreset import nearest
from simsid.models.patch_features import smooth
from simsid.models.variation import draw_variation

_ALIGN = "align"
_PART = 64  # films at once
_MOST_CELLS = 16  # along a side
_ALIGN_SHARE = 0.75  # of the epochs that the backbone has, for each round


@register
class RegionPatchCore(PatchMemoryDetector):
    """Region and global-specific PatchCore. Source: Kim and Chun, 2024.

    Components, higher = more abnormal; each region's largest distance to stored normal vectors:

    - ``region``: those of the same cell of the aligned film.
    - ``global``: those of anywhere.

    Maps and regions are told on the film as it came. Places outside the body are not looked at and
    count as zero; those that alignment moved out of sight get the film's mean.

    Relative to the paper: the canonical film is a median of films aligned by the network itself,
    in rounds that begin with the plain median, not a mean of 500 films aligned by hand; maps are
    centred, so that the mean film stays where it is; films are moved at random while alignment is
    learned; perceptual features are the detector's own backbone's, not VGG's; each component is
    standardised before the two are fused.
    """

    name = "region-patchcore"
    config_class = RegionPatchCoreConfig
    components = (REGION, GLOBAL)
    backbone_epochs: ClassVar[dict[str, int]] = {"quick": 4, "paper": 100}
    growing: ClassVar[tuple[str, ...]] = ("memory_bank", "region_bank")
    config: RegionPatchCoreConfig
    memory_bank: Tensor
    region_bank: Tensor
    canonical: Tensor
    centring: Tensor
    mask: Tensor
    bank_ends: Tensor
    cell_of: Tensor

    def __init__(self, config: RegionPatchCoreConfig) -> None:
        super().__init__(config)
        if not 1 <= min(config.cells) <= max(config.cells) <= _MOST_CELLS:
            raise ValueError(f"cells must lie within 1 and {_MOST_CELLS}, not {config.cells}")
        rows, cols = self.map_size
        cells = config.cells[0] * config.cells[1]
        self._settled: list[tuple[Tensor, int, int]] | None = None
        self.align_net = alignment.AffineNet(config.align_width) if config.align else None
        self.register_buffer("canonical", torch.zeros(1, 1, *self.image_size))
        self.register_buffer("centring", torch.eye(2, 3)[None])
        self.register_buffer("mask", torch.ones(rows * cols, dtype=torch.bool))
        self.register_buffer("memory_bank", torch.zeros(1, self.features.dim))
        self.register_buffer("region_bank", torch.zeros(1, self.features.dim))
        self.register_buffer("bank_ends", torch.ones(cells, dtype=torch.int64))
        down = torch.arange(rows) * config.cells[0] // rows
        across = torch.arange(cols) * config.cells[1] // cols
        cell_of = (down[:, None] * config.cells[1] + across).flatten()
        self.register_buffer("cell_of", cell_of, persistent=False)

    @classmethod
    def components_of(cls, config: RegionPatchCoreConfig) -> tuple[str, ...]:
        return cls.components if config.regions else (GLOBAL,)

    def fusion_weights(self) -> Tensor:
        """Without regions there is nothing to fuse."""
        return super().fusion_weights() if self.config.regions else torch.ones(1)

    @classmethod
    def epochs_for(cls, preset: str, config: RegionPatchCoreConfig, steps_per_epoch: int) -> int:
        """Fewer where a stage is left out, so that the others stay as long as they are."""
        rounds = config.align_rounds * config.align
        learns = config.pretraining and config.backbone == OWN
        return max(1, round(cls.backbone_epochs[preset] * (learns + _ALIGN_SHARE * rounds)))

    # --- alignment --------------------------------------------------------------------------

    @property
    def aligner(self) -> alignment.AffineNet:
        """The network that aligns films.

        Raises:
            ValueError: this configuration aligns none.
        """
        if self.align_net is None:
            raise ValueError(f"'{self.name}' aligns no films: its setting 'align' is off")
        return self.align_net

    def stages(self) -> Sequence[Stage]:
        """The backbone's, then a round of alignment for each canonical film."""
        rounds = range(1, self.config.align_rounds + 1) if self.align_net is not None else ()
        return (*super().stages(), *(Stage(f"{_ALIGN} {n}", _ALIGN_SHARE) for n in rounds))

    def begin_stage(self, stage: str, batches: Batches) -> None:
        super().begin_stage(stage, batches)
        if stage.startswith(_ALIGN):
            self._make_canonical(batches)

    @torch.no_grad()
    def _make_canonical(self, batches: Batches) -> None:
        """Median of the first normals, as the network aligns them now but for what it does to all.

        A network that moves every film alike, say up, loses sight of something and gains nothing.
        """
        self.eval()
        films = _first(batches(), self.config.canonical_films).to(self.device)
        if self.align_net is not None:
            mean = torch.cat([self.align_net(part) for part in films.split(_PART)]).mean(0)
            self.centring.copy_(alignment.inverse(mean[None]))
        posed = torch.cat([self.posed(part) for part in films.split(_PART)])
        self.canonical.copy_(posed.median(0, keepdim=True).values)

    def players(self, stage: str) -> dict[str, Player]:
        if not stage.startswith(_ALIGN):
            return super().players(stage)
        return {"alignment": Player.of(self.aligner, self.config.align_learning_rate)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        if not stage.startswith(_ALIGN):
            yield from super().training_step(images, stage)
            return
        backbone = self.features.backbone.eval()  # its statistics are not those of small films
        frozen = {name: value.detach() for name, value in backbone.named_parameters()}
        drawn = draw_variation(images, self.config.jitter)
        moved = drawn.expose(drawn.move(images)).clamp(0, 1)
        moved = alignment.shrunk(moved, self.aligner.size)
        canonical = alignment.shrunk(self.canonical, self.aligner.size)
        aligned = alignment.warp(moved, self._pose(moved))
        losses = alignment.alignment_losses(
            aligned, canonical, lambda films: functional_call(backbone, frozen, films)
        )
        first, *others = losses.values()
        yield "alignment", {"loss": sum(others, start=first), **losses}

    def aligned(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Films in the pose of the canonical one, and the (batch, 2, 3) maps that brought them there."""
        if self.align_net is None:
            return images, alignment.identity(images.shape[0], images)
        theta = self._pose(images)
        return alignment.warp(images, theta), theta

    def _pose(self, images: Tensor) -> Tensor:
        return alignment.compose(self.aligner(images), self.centring)

    # --- memory -----------------------------------------------------------------------------

    def posed(self, images: Tensor) -> Tensor:
        return self.aligned(images)[0]

    def remember(self, batches: Batches) -> None:
        self._make_canonical(batches)
        if self.config.masking:
            body = alignment.body_mask(self.canonical, self.config.mask_threshold)
            share = F.adaptive_avg_pool2d(body[None, None].float(), self.map_size)
            self.mask.copy_(share.flatten() >= 0.5)
        vectors, places, total = self.sample(batches, self.mask)
        self.memory_bank = self.chosen(vectors, total)
        if not self.config.regions:
            return
        cells, banks = self.cell_of[places], []
        for cell in range(len(self.bank_ends)):
            own = vectors[cells == cell]
            if len(own):
                banks.append(self.chosen(own, round(total * len(own) / len(vectors))))
            self.bank_ends[cell] = sum(map(len, banks))
        self.region_bank = torch.cat(banks)

    def evidence(self, images: Tensor) -> Evidence:
        films, theta = self.aligned(images)
        seen = alignment.in_sight(theta, self.map_size).flatten(1)
        queries = self.features(films).flatten(2).transpose(1, 2)  # batch, places, dim
        whole, *cells = self._settled or self._reads()
        maps = {GLOBAL: self._distances(queries, whole[0], self.memory_bank)}
        if self.config.regions:
            maps[REGION] = torch.zeros_like(maps[GLOBAL])
            for places, start, end in cells:
                maps[REGION] += self._distances(queries, places, self.region_bank[start:end])
        pixels = {name: self._on_film(maps[name], seen, theta) for name in self.components}
        return Evidence({name: self.regions_of(pixels[name]) for name in self.components}, pixels)

    def settle(self) -> None:
        super().settle()
        self._settled = self._reads()

    def _reads(self) -> list[tuple[Tensor, int, int]]:
        """(places, first, end of their bank): of the whole film, then of each cell with a bank."""
        found, start = [(self.mask.nonzero()[:, 0], 0, len(self.memory_bank))], 0
        for cell, end in enumerate(self.bank_ends.tolist() if self.config.regions else ()):
            places = (self.mask & (self.cell_of == cell)).nonzero()[:, 0]
            if len(places) and end > start:
                found.append((places, start, end))
            start = end
        return found

    def _on_film(self, distances: Tensor, seen: Tensor, theta: Tensor) -> Tensor:
        """(batch, 1, height, width) distances told on the film as it came.

        What alignment moved out of sight gets the film's mean: it says neither way.
        """
        counted = seen & self.mask
        usual = (distances * counted).sum(1) / counted.sum(1).clamp_min(1)
        distances = torch.where(seen | ~self.mask, distances, usual[:, None])
        spread = smooth(distances.unflatten(1, (1, *self.map_size)), self.image_size, self.sigma)
        if self.align_net is None:
            return spread
        usual = usual[:, None, None, None]
        return usual + alignment.warp(spread - usual, alignment.inverse(theta), "zeros")

    def _distances(self, queries: Tensor, places: Tensor, bank: Tensor) -> Tensor:
        """(batch, places) mean distance to the nearest stored vectors; zero at all other places."""
        distances = queries.new_zeros(queries.shape[:2])
        if len(bank) and len(places):
            found, _ = nearest(queries[:, places].flatten(0, 1), bank, self.config.neighbours)
            distances[:, places] = found.mean(1).unflatten(0, (queries.shape[0], -1))
        return distances


def _first(batches: Iterator[Tensor], count: int) -> Tensor:
    """The first films, without reading on."""
    films: list[Tensor] = []
    for images in batches:
        films.append(images)
        if sum(map(len, films)) >= count:
            break
    return torch.cat(films)[:count]
