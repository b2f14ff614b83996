"""How the check learns: a subspace and a small network, seconds on one core, then two limits."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

from simsid.detectors.placement.check import PlacementCheck
from simsid.detectors.placement.examples import OUT_OF_PLACE, in_place, slightly_moved
from simsid.detectors.placement.features import CLIP, describe, shrink

MIN_NORMALS = 60  # fewer do not say what normals have in common
_MAX_NORMALS = 800
_HELD_OUT = 5  # one normal in five sets the limits
_ROUNDS = 4  # changed copies of each normal
_STEPS, _BATCH = 800, 64
_LEARNING_RATE, _WEIGHT_DECAY = 3e-3, 1e-2
_HIDE, _JITTER = 0.2, 0.3  # of the features in training, so that none is relied upon
_SPARED = "part"  # a large part of a film is still a film: it does not set the limits
_CAUGHT = {"warn": 0.975, "refuse": 0.90}  # shares of the made-up examples that lie below a limit
_NORMALS_KEPT = 0.98
_BETWEEN = 1.0  # at least, between warning and refusing
_BLANK, _BLANK_SHARE = 0.02, 0.25

Change = Callable[[Tensor, Generator], Tensor]


def fit_placement(
    check: PlacementCheck, images: Float[Tensor, "n 1 height width"], seed: int = 0
) -> None:
    """Set every buffer of ``check`` from training normals, float in [0, 1].

    Too few of them leave it unfitted. The same seed gives the same bits.
    """
    if len(images) < MIN_NORMALS:
        return
    rng = Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=rng)[:_MAX_NORMALS]
    small = torch.cat([shrink(part.float().cpu()) for part in images[order].split(_BATCH)])
    held_out, train = small[::_HELD_OUT], small[torch.arange(len(small)) % _HELD_OUT > 0]
    right = torch.cat([_features(train), *(_changed(train, in_place, rng) for _ in range(_ROUNDS))])
    per_kind = math.ceil(2 * len(right) / len(OUT_OF_PLACE))
    wrong = torch.cat(
        [_changed(_draw(train, per_kind, rng), make, rng) for make in OUT_OF_PLACE.values()]
    )
    centre, spread = right.mean(0), right.std(0).clamp_min(1e-3)
    right, wrong = (right - centre) / spread, (wrong - centre) / spread
    values = {"centre": centre, "spread": spread, "basis": _subspace(right, check.basis.shape[1])}
    values |= _train_network(right, wrong, check, rng)
    values["least_contrast"] = (_BLANK_SHARE * small.std((1, 2, 3)).min()).clamp_max(_BLANK)
    values["fitted"] = torch.tensor(True)
    for name, value in values.items():
        getattr(check, name).copy_(value)
    check.limits.copy_(_limits(check, held_out, rng))


def _features(images: Tensor) -> Float[Tensor, "n features"]:
    return torch.cat([describe(part) for part in images.split(_BATCH)])


def _changed(images: Tensor, change: Change, rng: Generator) -> Float[Tensor, "n features"]:
    return torch.cat([describe(change(part, rng)) for part in images.split(_BATCH)])


def _draw(images: Tensor, count: int, rng: Generator) -> Tensor:
    return images[torch.randint(len(images), (count,), generator=rng)]


def _subspace(features: Float[Tensor, "n features"], rank: int) -> Float[Tensor, "features rank"]:
    """Directions of most variance (principal components, through the origin)."""
    _, vectors = torch.linalg.eigh(features.T @ features)
    return vectors[:, -rank:]


def _train_network(
    right: Tensor, wrong: Tensor, check: PlacementCheck, rng: Generator
) -> dict[str, Tensor]:
    """One hidden layer by AdamW; as many of either kind in each batch."""
    shape = check.hidden_weight.shape
    right, wrong = right.clamp(-CLIP, CLIP), wrong.clamp(-CLIP, CLIP)
    weights = {
        "hidden_weight": torch.randn(shape, generator=rng) * 0.3 / math.sqrt(shape[1]),
        "hidden_bias": torch.zeros(shape[0]),
        "out_weight": torch.randn(shape[0], generator=rng) / math.sqrt(shape[0]),
        "out_bias": torch.zeros(()),
    }
    with torch.inference_mode(False), torch.enable_grad():
        players = [value.requires_grad_() for value in weights.values()]
        optimiser = torch.optim.AdamW(players, _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, _STEPS)
        target = torch.cat([torch.full((_BATCH,), 0.98), torch.full((_BATCH,), 0.02)])
        for _ in range(_STEPS):
            batch = torch.cat([_draw(right, _BATCH, rng), _draw(wrong, _BATCH, rng)])
            batch = batch + _JITTER * torch.randn(batch.shape, generator=rng)
            batch = _hide(batch, rng)
            hidden = torch.relu(batch @ weights["hidden_weight"].T + weights["hidden_bias"])
            logit = _hide(hidden, rng) @ weights["out_weight"] + weights["out_bias"]
            loss = F.binary_cross_entropy_with_logits(logit, target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return {name: value.detach() for name, value in weights.items()}


def _hide(values: Tensor, rng: Generator) -> Tensor:
    """Dropout that draws from ``rng``."""
    return values * (torch.rand(values.shape, generator=rng) >= _HIDE) / (1 - _HIDE)


def _limits(check: PlacementCheck, held_out: Tensor, rng: Generator) -> Float[Tensor, " 2"]:
    """To warn: as far out as still catches nearly all made-up examples, so that a film from
    another hospital has all the room there is; but never where held-out normals lie."""
    device = check.limits.device
    kinds = [make for kind, make in OUT_OF_PLACE.items() if kind != _SPARED]
    wrong = torch.cat(
        [check.strangeness(make(_draw(held_out, _BATCH, rng), rng).to(device)) for make in kinds]
    )
    moved = [held_out] + [slightly_moved(held_out, rng) for _ in range(_ROUNDS)]
    right = torch.cat([check.strangeness(images.to(device)) for images in moved])
    warn = torch.maximum(wrong.quantile(1 - _CAUGHT["warn"]), right.quantile(_NORMALS_KEPT))
    refuse = torch.maximum(wrong.quantile(1 - _CAUGHT["refuse"]), warn + _BETWEEN)
    return torch.stack([warn, refuse])
