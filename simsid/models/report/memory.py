"""The report's memories: one normal feature for each location, on three levels of detail."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from simsid.models.members import Members
from simsid.models.memory import gather_ranks
from simsid.models.shrinkage import gumbel_noise


class MemoryRead(NamedTuple):
    """What a memory answers.

    Attributes:
        features: (batch, patches, feature_dim) the sum of the chosen features.
        weights: (batch, patches, top_k) their probabilities, strongest first.
        blocks: (batch, patches, top_k) which blocks were chosen.
    """

    features: Tensor
    weights: Tensor
    blocks: Tensor


class SpaceAwareMemory(nn.Module):
    """A table with one feature for each location; zero rows are empty.

    A feature replaces the one held at its location when their cosine similarity is below
    ``similarity_threshold``: what is already known is not stored again. There is no gradient.
    Source: algorithm 4.4.

    Relative to the paper: empty rows are never chosen while others are to be had (as written, a
    zero row beats every row of negative score); noise is drawn in training only.

    Raises:
        ValueError: ``similarity_threshold`` outside (0, 1], at which nothing or no first feature
            could be stored, or ``temperature`` not positive.
    """

    memory: Tensor

    def __init__(
        self,
        num_blocks: int,
        feature_dim: int,
        similarity_threshold: float = 0.95,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 < similarity_threshold <= 1:
            raise ValueError(f"similarity_threshold must lie in (0, 1], not {similarity_threshold}")
        if temperature <= 0:
            raise ValueError(f"temperature must be positive, not {temperature}")
        self.similarity_threshold, self.temperature = similarity_threshold, temperature
        self.register_buffer("memory", torch.zeros(num_blocks, feature_dim))

    @torch.no_grad()
    def update(
        self,
        features: Float[Tensor, "batch locations feature_dim"],
        locations: Int[Tensor, " locations"],
    ) -> None:
        """Show the features of a batch to their (distinct) locations, image after image.

        The order matters, so images take turns; all locations are updated at once. With several
        ranks each sees the joined batch, so that all hold the same memory.
        """
        held = self.memory[locations]
        for feature in gather_ranks(features.detach().float()):
            similarity = F.cosine_similarity(feature, held, dim=-1)  # 0 for an empty row
            held = torch.where(similarity[:, None] < self.similarity_threshold, feature, held)
        self.memory[locations] = held

    def forward(
        self, features: Float[Tensor, "batch patches feature_dim"], top_k: int
    ) -> MemoryRead:
        """Sum the ``top_k`` most probable blocks for each feature (all, if there are fewer)."""
        with torch.autocast(features.device.type, enabled=False):
            scores = features.float() @ self.memory.T
            filled = (self.memory != 0).any(1)
            scores = scores.masked_fill(~filled, torch.finfo(scores.dtype).min)
            probabilities = self._gumbel_softmax(scores)
            weights, blocks = probabilities.topk(min(top_k, len(self.memory)), dim=-1)
            return MemoryRead(self.memory[blocks].sum(-2), weights, blocks)

    def _gumbel_softmax(self, logits: Tensor) -> Tensor:
        if self.training:
            logits = logits + gumbel_noise(logits)
        return (logits / self.temperature).softmax(-1)

    def expand(self, additional_blocks: int) -> None:
        """Append empty blocks."""
        blank = self.memory.new_zeros(additional_blocks, self.memory.shape[1])
        self.memory = torch.cat([self.memory, blank])

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Take the number of blocks from the file, which a grown memory may have written."""
        saved = state_dict.get(prefix + "memory")
        if saved is not None and saved.shape[1:] == self.memory.shape[1:]:
            self.memory = self.memory.new_zeros(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class HierarchicalMemory(nn.Module):
    """Memories of every location, of blocks of 2 x 2 locations, and of the whole image.

    Level 0 holds patch features, level 1 the mean feature of each block, level 2 the largest value
    of each feature over the image. All levels grow together when a location beyond the last block
    is stored. Source: algorithm 4.5.

    Relative to the paper: level 1 stores the block means (as written, it computes them and stores
    the patch features), and a block is 2 x 2 locations, which the report leaves open.

    Raises:
        ValueError: ``num_levels`` is not 1, 2 or 3.
    """

    def __init__(
        self,
        initial_blocks: int,
        feature_dim: int,
        num_levels: int = 3,
        similarity_threshold: float = 0.95,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        if num_levels not in (1, 2, 3):
            raise ValueError(f"the report defines 3 levels of memory, not {num_levels}")
        self.levels = Members[SpaceAwareMemory](
            SpaceAwareMemory(initial_blocks, feature_dim, similarity_threshold, temperature)
            for _ in range(num_levels)
        )

    @property
    def current_blocks(self) -> int:
        """Blocks of each level."""
        return len(self.levels[0].memory)

    @torch.no_grad()
    def store(
        self, features: Float[Tensor, "batch patches feature_dim"], grid_size: tuple[int, int]
    ) -> None:
        """Show the patch features of a batch to every level; grow first if the grid asks for it."""
        for index, level in enumerate(self.levels):
            pooled = _pool(features, grid_size, index)
            locations = torch.arange(pooled.shape[1], device=pooled.device)
            self.adjust_memory(locations)
            level.update(pooled, locations)

    def forward(
        self, features: Float[Tensor, "batch patches feature_dim"], top_k: int
    ) -> Float[Tensor, "batch patches levels_dim"]:
        """What each level answers to each feature, concatenated."""
        return torch.cat([level(features, top_k).features for level in self.levels], -1)

    def expand_memory(self, additional_blocks: int) -> None:
        """Append empty blocks to every level."""
        for level in self.levels:
            level.expand(additional_blocks)

    def adjust_memory(self, locations: Int[Tensor, " locations"]) -> None:
        """Grow, if need be, until the largest location has a block."""
        missing = int(locations.max()) + 1 - self.current_blocks
        if missing > 0:
            self.expand_memory(missing)


def _pool(
    features: Float[Tensor, "batch patches feature_dim"], grid_size: tuple[int, int], level: int
) -> Float[Tensor, "batch locations feature_dim"]:
    if level == 0:
        return features
    if level == 2:
        return features.amax(1, keepdim=True)
    grid = features.transpose(1, 2).unflatten(2, grid_size)
    return F.avg_pool2d(grid, 2, ceil_mode=True).flatten(2).transpose(1, 2)
