"""In-painting in feature space: what should this region look like, given its neighbours?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.patches import neighbourhoods


def masked_shortcut(
    x: Float[Tensor, "batch patches dim"],
    inpainted: Float[Tensor, "batch patches dim"],
    inpaint_prob: float,
    training: bool,
) -> Float[Tensor, "batch patches dim"]:
    """Mix features: each patch is in-painted with ``inpaint_prob``, else passed through unchanged.

    In evaluation every patch is in-painted. A plain identity shortcut would let the network copy
    its input and in-paint nothing. Source: SQUID, 'masked shortcut', eq. 4.
    """
    if not training or inpaint_prob >= 1.0:
        return inpainted
    gate = torch.rand(x.shape[:2], device=x.device) < inpaint_prob  # delta ~ Bernoulli(rho)
    return torch.where(gate[..., None], inpainted, x)


class InpaintingBlock(nn.Module):
    """A transformer layer in which each patch asks its eight neighbours' memory features.

    Keys and values are the neighbours' *normal* features (zeros outside the image), each with the
    embedding of its direction; the query carries the embedding of its own region (positional
    condition). What is returned is built from the values, so nothing abnormal in the patch itself
    passes unless ``query_residual`` lets the query through: right when the query is itself read
    from memory (SimSID), wrong when it is the raw feature (SQUID).
    """

    def __init__(
        self,
        grid_size: tuple[int, int],
        dim: int,
        num_heads: int = 4,
        query_residual: bool = True,
    ) -> None:
        super().__init__()
        rows, cols = grid_size
        self.grid_size, self.query_residual = grid_size, query_residual
        self.region_embedding = nn.Parameter(0.02 * torch.randn(rows * cols, dim))
        self.direction_embedding = nn.Parameter(0.02 * torch.randn(8, dim))
        self.attention = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.norm_query, self.norm_context = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.norm_out = nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )

    def forward(
        self,
        query: Float[Tensor, "batch patches dim"],
        memory_features: Float[Tensor, "batch patches dim"],
    ) -> Float[Tensor, "batch patches dim"]:
        batch, num_patches, dim = query.shape
        context = self.norm_context(neighbourhoods(memory_features, self.grid_size))
        context = (context + self.direction_embedding).reshape(batch * num_patches, 8, dim)
        asked = self.norm_query(query) + self.region_embedding
        found, _ = self.attention(
            asked.reshape(batch * num_patches, 1, dim), context, context, need_weights=False
        )
        found = found.reshape(batch, num_patches, dim) + self.region_embedding
        if self.query_residual:
            found = found + query
        return found + self.feed_forward(self.norm_out(found))
