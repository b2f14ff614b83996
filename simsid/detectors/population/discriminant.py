"""Which of several populations a film looks like, told so that disease hardly moves it.

A linear discriminant (Fisher 1936) of features of normals, as they are and with defects painted in.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from simsid.detectors.placement.changes import hurt
from simsid.detectors.placement.features import shrink
from simsid.models.film_features import NUM_FEATURES, film_features

_WRONG_COPIES = 2  # of each normal, with defects, to tell populations apart by
_SHRINKAGE = 0.1  # of the features' covariance towards a multiple of the identity
_LEAST_VARIANCE = 1e-6


def learn_discriminant(
    normals: Sequence[Float[Tensor, "n 1 height width"]], rng: Generator
) -> tuple[Float[Tensor, "populations 144"], Float[Tensor, " populations"]]:
    """The discriminant of several populations from the training normals of each.

    Args:
        normals: float in [0, 1], of each population.

    Returns:
        Direction and offset, see :func:`linear_discriminant`.
    """
    features = []
    for own in normals:
        wrong = [film_features(hurt(shrink(own), rng)) for _ in range(_WRONG_COPIES)]
        features.append(torch.cat([film_features(own), *wrong]))
    return linear_discriminant(features)


def linear_discriminant(
    features: Sequence[Float[Tensor, "n 144"]],
) -> tuple[Float[Tensor, "populations 144"], Float[Tensor, " populations"]]:
    """Direction and offset of each population's discriminant, every population as likely.

    Returns:
        Of a film with features ``f`` the population of the largest ``f @ direction.T + offset``.
    """
    means = torch.stack([own.mean(0) for own in features]).double()
    covariance = torch.stack([own.double().T.cov(correction=0) for own in features]).mean(0)
    identity = torch.eye(NUM_FEATURES, dtype=torch.double)
    even = covariance.diagonal().mean().clamp_min(_LEAST_VARIANCE) * identity
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * even
    direction = torch.linalg.solve(shrunk, means.T).T
    return direction.float(), -0.5 * (direction * means).sum(1).float()


def told_within(
    told: Float[Tensor, "batch populations"], distances: Float[Tensor, "batch populations"]
) -> Int[Tensor, " batch"]:
    """The population that is told, among those within whose limits a film lies.

    Args:
        told: the discriminant of each population, larger = more likely.
        distances: above 1 = outside; where a film lies within none, the least one decides.
    """
    inside = torch.where(distances <= 1, told, -torch.inf)
    among = torch.where((distances <= 1).any(1, keepdim=True), inside, -distances)
    return among.argmax(1)
