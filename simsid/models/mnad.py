"""Memory-guided normality: an autoencoder with few slots, which follow the normal features.

Source: Park, Noh and Ham, 'Learning memory-guided normality for anomaly detection', CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.autoencoder import ImageDecoder, ImageEncoder
from simsid.models.memory import ReadConfig, address, cosine_similarity, gather_ranks

_LEAST = 1e-12  # of a squared distance: the root has no slope at zero


class FollowingMemory(nn.Module):
    """Unit slots, moved by averaging the queries nearest to them; gradients never do.

    Relative to the paper: the cosine is multiplied by ``scale`` before the softmax; as written
    (scale 1) no slot could weigh more than e² times another, and every read is nearly their mean.

    Raises:
        ValueError: fewer than 2 slots: there would be no second nearest.
    """

    slots: Tensor

    def __init__(self, num_slots: int, slot_dim: int, scale: float) -> None:
        super().__init__()
        if num_slots < 2:
            raise ValueError(f"num_slots must be at least 2, not {num_slots}")
        self.read_config = ReadConfig(scale=scale, top_k=None)
        self.register_buffer("slots", F.normalize(torch.randn(num_slots, slot_dim), dim=-1))

    def forward(self, queries: Float[Tensor, "positions dim"]) -> Float[Tensor, "positions dim"]:
        """What the slots make of each query: their mean, weighted by similarity (eq. 2)."""
        similarity = cosine_similarity(queries[:, None], self.slots[None])[:, 0]
        return address(similarity, self.read_config, self.training) @ self.slots

    def nearest(
        self, queries: Float[Tensor, "positions dim"]
    ) -> tuple[Float[Tensor, " positions"], Float[Tensor, " positions"]]:
        """Squared distance of unit queries to their nearest and second nearest slot, 0 to 4."""
        similarity = cosine_similarity(queries[:, None], self.slots[None])[:, 0]
        chosen = self.slots[similarity.topk(2, dim=-1).indices]
        first, second = (chosen - queries[:, None]).square().sum(-1).unbind(-1)
        return first, second

    @torch.no_grad()
    def follow(self, queries: Float[Tensor, "positions dim"]) -> None:
        """Add to each slot the queries it is nearest to, weighted by similarity (eq. 4 and 5)."""
        queries = gather_ranks(queries.detach().float())
        similarity = cosine_similarity(queries[:, None], self.slots[None])[:, 0]
        own = F.one_hot(similarity.argmax(-1), len(self.slots)).to(similarity.dtype)
        weights = similarity.softmax(0) * own
        weights = weights / weights.amax(0).clamp_min(1e-12)  # the nearest query weighs 1
        self.slots.copy_(F.normalize(self.slots + weights.T @ queries, dim=-1))


class MemoryGuidedAutoencoder(nn.Module):
    """Decodes each position from its query and, beside it, what the memory made of the query."""

    def __init__(
        self, channels: Sequence[int], slot_dim: int, num_slots: int, scale: float
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = ImageEncoder(channels), ImageDecoder(channels)
        self.to_query = nn.Conv2d(channels[-1], slot_dim, 1)
        self.from_query = nn.Conv2d(2 * slot_dim, channels[-1], 1)
        self.memory = FollowingMemory(num_slots, slot_dim, scale)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> tuple[Float[Tensor, "batch 1 height width"], Float[Tensor, "positions slot_dim"]]:
        """Reconstruction, and the unit query of every position, image by image, row by row."""
        maps = F.normalize(self.to_query(self.encoder(images)).float(), dim=1)
        batch, _, height, width = maps.shape
        queries = maps.permute(0, 2, 3, 1).flatten(0, 2)
        read = self.memory(queries).unflatten(0, (batch, height, width)).permute(0, 3, 1, 2)
        joined = torch.cat([maps, read], 1).contiguous(memory_format=torch.channels_last)
        return self.decoder(self.from_query(joined).relu()), queries


def compactness_loss(nearest: Float[Tensor, " positions"], slot_dim: int) -> Float[Tensor, ""]:
    """Mean squared distance to the nearest slot (eq. 9), a mean over its numbers too.

    The weight of 0.1 is meant for such a mean: over their sum it would drown the reconstruction.
    """
    return nearest.mean() / slot_dim


def separateness_loss(
    nearest: Float[Tensor, " positions"],
    second: Float[Tensor, " positions"],
    margin: float = 1.0,
) -> Float[Tensor, ""]:
    """The second nearest slot shall be farther than the nearest by ``margin`` (eq. 10).

    Args:
        nearest, second: squared distances; the margin is one of distances, as in the usual triplet
            loss, where the equation writes squares.
    """
    first, other = (value.clamp_min(_LEAST).sqrt() for value in (nearest, second))
    return (first - other + margin).clamp_min(0).mean()
