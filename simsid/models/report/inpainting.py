"""In-painting of each patch's feature from the remembered features of its 3 x 3 neighbourhood."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.patches import NUM_NEIGHBOURS, neighbourhoods
from simsid.models.report.memory import HierarchicalMemory


class InpaintingTransformer(nn.Module):
    """Neighbours and centre, as nine tokens, through a transformer encoder; the centre comes out.

    Source: algorithm 4.6.

    Relative to the paper: the tokens carry learned positions, without which the left neighbour
    could not be told from the right; of the nine outputs the centre's is returned.
    """

    def __init__(
        self, neighbour_dim: int, feature_dim: int, num_heads: int = 4, num_layers: int = 2
    ) -> None:
        super().__init__()
        self.linear_proj = nn.Linear(neighbour_dim, feature_dim)
        self.position = nn.Parameter(0.02 * torch.randn(NUM_NEIGHBOURS + 1, feature_dim))
        layer = nn.TransformerEncoderLayer(
            feature_dim, num_heads, 2 * feature_dim, dropout=0.0, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        self.output_layer = nn.Linear(feature_dim, feature_dim)

    def forward(
        self,
        neighbours: Float[Tensor, "count 8 neighbour_dim"],
        centre: Float[Tensor, "count feature_dim"],
    ) -> Float[Tensor, "count feature_dim"]:
        tokens = torch.cat([self.linear_proj(neighbours), centre[:, None]], 1)
        return self.output_layer(self.encoder(tokens + self.position)[:, -1])


class FeatureInpainting(nn.Module):
    """What the memory and the neighbours say that each patch should be.

    Every patch's feature is read from the hierarchical memory; the centre mask takes the eight
    neighbours of each (zeros outside the image), and the transformer in-paints the centre.
    Source: algorithm 4.7.

    Relative to the paper: as written, the centre's own feature is one of the tokens, and the
    in-painting can copy it. With ``mask_centre`` a learned token stands in its place.
    """

    def __init__(
        self,
        transformer: InpaintingTransformer,
        memory: HierarchicalMemory,
        grid_size: tuple[int, int],
        feature_dim: int,
        top_k: int = 3,
        mask_centre: bool = False,
    ) -> None:
        super().__init__()
        self.transformer, self.memory = transformer, memory
        self.grid_size, self.top_k = grid_size, top_k
        self.mask_token = nn.Parameter(torch.zeros(feature_dim)) if mask_centre else None

    def forward(
        self, features: Float[Tensor, "batch patches feature_dim"]
    ) -> Float[Tensor, "batch patches feature_dim"]:
        remembered = self.memory(features, self.top_k)
        neighbours = neighbourhoods(remembered, self.grid_size).flatten(0, 1)
        centre = features.flatten(0, 1)
        if self.mask_token is not None:
            centre = self.mask_token.expand_as(centre)
        inpainted = self.transformer(neighbours, centre).float()
        return inpainted.unflatten(0, features.shape[:2])
