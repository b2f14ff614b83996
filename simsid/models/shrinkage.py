"""Sparse addressing of a memory: hard shrinkage, top-k shrinkage, Gumbel noise.

Relative to the paper: the official code calls its top-k 'Gumbel shrinkage' but draws no noise and
keeps k - 1 slots. Here ``top_k_shrink`` keeps exactly k, and the noise is real and optional.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_EPS = 1e-12


def hard_shrink(
    weights: Float[Tensor, "*batch slots"], threshold: float
) -> Float[Tensor, "*batch slots"]:
    """Zero the weights at or below ``threshold`` and renormalise; a row that loses all stays as is.

    Differentiable through the surviving weights. Source: MemAE, eq. 6-7.
    """
    kept = torch.where(weights > threshold, weights, torch.zeros_like(weights))
    total = kept.sum(-1, keepdim=True)
    return torch.where(total > 0, kept / total.clamp_min(_EPS), weights)


def top_k_shrink(weights: Float[Tensor, "*batch slots"], k: int) -> Float[Tensor, "*batch slots"]:
    """Keep exactly the ``k`` largest weights, renormalised; straight-through gradient.

    The forward value is sparse, the gradient is that of the dense weights, so slots that were not
    chosen still learn. Source: 'Gumbel shrinkage' of SQUID, eq. 3, without its noise.

    Raises:
        ValueError: ``k`` is not between 1 and the number of slots.
    """
    num_slots = weights.shape[-1]
    if not 1 <= k <= num_slots:
        raise ValueError(f"top-k must lie between 1 and the {num_slots} slots, not {k}")
    values, indices = weights.topk(k, dim=-1)
    values = values / values.sum(-1, keepdim=True).clamp_min(_EPS)
    sparse = torch.zeros_like(weights).scatter(-1, indices, values)
    if not weights.requires_grad:
        return sparse
    return sparse.detach() + weights - weights.detach()  # straight-through


def gumbel_noise(
    logits: Float[Tensor, "*batch slots"], generator: torch.Generator | None = None
) -> Float[Tensor, "*batch slots"]:
    """Standard Gumbel noise in the shape of ``logits``: -log(-log(u))."""
    uniform = torch.rand(logits.shape, generator=generator, device=logits.device)
    return -torch.log(-torch.log(uniform.clamp(_EPS, 1.0 - 1e-7)))
