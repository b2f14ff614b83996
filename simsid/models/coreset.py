"""What PatchCore remembers and how it reads: greedy coreset, nearest neighbours, re-weighted score.

Source: Roth et al., 'Towards total recall in industrial anomaly detection', CVPR 2022.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.compiler import is_exporting

_LARGEST = 2**22  # distances held at once: 16 MiB, however many queries and stored vectors


def greedy_coreset(
    features: Float[Tensor, "n dim"], count: int, projected_dim: int = 64, seed: int = 0
) -> Int64[Tensor, " chosen"]:
    """Indices of ``count`` vectors that cover all: each next one is the farthest from those chosen.

    Distances are measured after a random projection. Deterministic for a seed; all indices where
    there are no more than ``count``. Source: algorithm 1, k-center greedy.
    """
    if count >= len(features):
        return torch.arange(len(features), device=features.device)
    generator = torch.Generator().manual_seed(seed)
    points = _projected(features.float(), projected_dim, generator)
    chosen = torch.empty(count, dtype=torch.int64, device=points.device)
    current = torch.randint(len(points), (), generator=generator).to(points.device)
    norms = points.square().sum(1)
    distance = torch.full_like(norms, torch.inf)  # squared, to the nearest chosen
    for step in range(count):
        chosen[step] = current
        to_current = norms - 2 * (points @ points[current]) + norms[current]
        distance = torch.minimum(distance, to_current.clamp_min(0))
        distance[current] = -1.0  # never twice
        current = distance.argmax()
    return chosen


def _projected(points: Tensor, projected_dim: int, generator: torch.Generator) -> Tensor:
    """Centred, and in fewer dimensions that nearly keep distances (Johnson and Lindenstrauss)."""
    points = points - points.mean(0)
    dim = points.shape[1]
    if projected_dim >= dim:
        return points
    directions = torch.randn(dim, projected_dim, generator=generator) / projected_dim**0.5
    return points @ directions.to(points.device)


def nearest(
    queries: Float[Tensor, "n dim"], bank: Float[Tensor, "stored dim"], count: int = 1
) -> tuple[Float[Tensor, "n found"], Int64[Tensor, "n found"]]:
    """Euclidean distances to, and indices of, the nearest stored vectors, nearest first.

    At most ``count`` are found, fewer where fewer are stored. Memory does not grow with the
    queries: they are taken in parts. An empty bank is an error of the caller.
    """
    count = min(count, len(bank))
    norms = bank.square().sum(1)
    parts = []
    whole = (queries,)  # an exported graph has one part, however many queries there will be
    for part in whole if is_exporting() else queries.split(max(1, _LARGEST // len(bank))):
        apart = torch.addmm(
            norms, part, bank.T, alpha=-2
        )  # and the query's own norm, for all alike
        best = apart.argmin(1, True) if count == 1 else apart.topk(count, 1, largest=False).indices
        parts.append(best)
    indices = torch.cat(parts) if parts else torch.empty(0, count, dtype=torch.int64)
    # Once more for the few that were found: differences lose less than differences of squares.
    found = [(queries - bank[column]).norm(dim=1) for column in indices.unbind(1)]
    return torch.stack(found, 1), indices


def reweighted(
    distance: Float[Tensor, " n"],
    queries: Float[Tensor, "n dim"],
    found: Int64[Tensor, " n"],
    bank: Float[Tensor, "stored dim"],
    neighbours: int = 9,
) -> Float[Tensor, " n"]:
    """Distances made larger where the stored vector that was found is itself a rare one.

    Args:
        distance: to the stored vector ``found``, which is the nearest one.
        neighbours: of the stored vector, itself among them; with 1 the distance stays as it is.

    Source: eq. 7.
    """
    if min(neighbours, len(bank)) < 2:
        return distance
    _, support = nearest(bank[found], bank, neighbours)
    apart = (queries[:, None] - bank[support]).norm(dim=2)
    share = (distance - torch.logsumexp(apart, 1)).exp()
    return (1 - share.clamp(0, 1)) * distance
