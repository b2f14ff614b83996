"""Epochs of each stage, the learning rate along it, the optimiser of each player."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from simsid.detectors.contract import Player, Stage

_WARM_UP = 0.15
_FINAL_RATE = 0.01


def share_epochs(stages: Sequence[Stage], epochs: int) -> list[int]:
    """Epochs of each stage, in proportion to its share, at least one each."""
    total = sum(stage.share for stage in stages)
    return [max(1, round(epochs * stage.share / total)) for stage in stages]


def rate(step: int, steps: int) -> float:
    """Learning rate factor: linear warm-up, then half a cosine down to 1 %."""
    warm_up = max(1, round(_WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    along = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return _FINAL_RATE + (1 - _FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * along))


def make_optimiser(player: Player) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        player.parameters,
        player.learning_rate,
        betas=player.betas,
        weight_decay=player.weight_decay,
    )
