"""The small things that detectors, the loop and the pages hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Evidence:
    """Raw, uncalibrated numbers for a batch; higher = more abnormal.

    Attributes:
        regions: for each component, (batch, patches).
        pixels: for some components, (batch, 1, height, width); others are upsampled from regions.
        reconstruction: (batch, 1, height, width) or None.
    """

    regions: dict[str, Tensor]
    pixels: dict[str, Tensor] = field(default_factory=dict)
    reconstruction: Tensor | None = None


@dataclass(frozen=True)
class Told:
    """What a pass through the networks gives, as arrays, before it is compared with normals.

    Attributes:
        scores: of every named score, (batch,) float64.
        regions, anomaly_map: of the score that was asked for, float32; see ``Prediction``.
        reconstruction: (batch, 1, height, width) float32 in [0, 1], or None.
    """

    scores: dict[str, Float[np.ndarray, " batch"]]
    regions: Float[np.ndarray, "batch rows cols"]
    anomaly_map: Float[np.ndarray, "batch 1 height width"]
    reconstruction: Float[np.ndarray, "batch 1 height width"] | None = None


@dataclass(frozen=True)
class Stage:
    """A part of training, with its share of the epochs. Most detectors have one."""

    name: str
    share: float = 1.0


@dataclass(frozen=True)
class Player:
    """Parameters that one optimiser moves."""

    parameters: list[nn.Parameter]
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0

    @classmethod
    def of(
        cls,
        network: nn.Module,
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
    ) -> Player:
        """One that moves all of a network."""
        return cls(list(network.parameters()), learning_rate, betas, weight_decay)


@dataclass(frozen=True)
class Explanation:
    """Why a region scored as it did: the normal slots and training patches it was compared with.

    Attributes:
        patch: (patch_height, patch_width) the region as it came in.
        inpainted: the region as the detector rebuilt it, its own content read too, or None.
        slots: indices of the slots that rebuilt it, strongest first.
        weights: their addressing weights, summing to at most 1.
        slot_images: (slots, patch_height, patch_width) each slot decoded into a picture, or None.
        expected: (patch_height, patch_width) the region as a normal film would have it, told from
            the film's other regions alone.
        nearest_training: (slots, n) indices of the training images whose patch in this region is
            nearest to each slot; empty when the detector keeps none.
    """

    patch: Float[np.ndarray, "h w"]
    inpainted: Float[np.ndarray, "h w"] | None
    expected: Float[np.ndarray, "h w"]
    slots: np.ndarray
    weights: np.ndarray
    slot_images: np.ndarray | None
    nearest_training: np.ndarray
