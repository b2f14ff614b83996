"""Losses of the space-aware detectors; each returns a scalar in float32."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.models.memory import all_region_similarity


def distillation_loss(
    student: Sequence[Tensor], teacher: Sequence[Tensor], stop_gradient: bool = True
) -> Float[Tensor, ""]:
    """Mean squared difference of the decoders' features, summed over levels.

    With ``stop_gradient`` the teacher is not pulled towards the student. Source: eq. 5.5 of the
    report; 'stop gradient' of SQUID.
    """
    total = student[0].new_zeros((), dtype=torch.float32)
    for ours, theirs in zip(student, teacher, strict=True):
        target = theirs.detach() if stop_gradient else theirs
        total = total + F.mse_loss(ours.float(), target.float())
    return total


def generator_adversarial_loss(fake_logits: Tensor) -> Float[Tensor, ""]:
    """Non-saturating: the generator wants its films called real."""
    return F.softplus(-fake_logits.float()).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Float[Tensor, ""]:
    """-[log D(real) + log(1 - D(fake))]. Source: eq. 5.6 of the report."""
    return F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()


def region_log_posterior(
    queries: Float[Tensor, "batch regions dim"],
    slots: Float[Tensor, "regions slots dim"],
    scale: float = 10.0,
) -> Float[Tensor, "batch regions all_regions"]:
    """log p(region | feature) from the log-sum-exp of similarities with every region's slots."""
    evidence = torch.logsumexp(scale * all_region_similarity(queries, slots), -1)
    return evidence.log_softmax(-1)


def own_region(
    values: Float[Tensor, "batch regions all_regions"],
) -> Float[Tensor, "batch regions"]:
    """The entry of each region for itself."""
    return values.diagonal(dim1=1, dim2=2)


def coverage_loss(
    similarity: Float[Tensor, "batch regions slots"], sharpness: float = 20.0
) -> Float[Tensor, ""]:
    """One minus the similarity to the nearest own slots (softly): slots move to where features are."""
    weights = (sharpness * similarity).softmax(-1)
    return (1 - (weights * similarity).sum(-1)).mean()
