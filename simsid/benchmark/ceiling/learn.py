"""Training with labels: some hundred steps, no early stop, nothing chosen on the measured part."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from simsid.models.supervised import SupervisedNetwork

_STEPS, _SIDE = 60, 192  # about a minute on one slow core
_MOST_STEPS = 600
_BATCH = 32
_RATE, _DECAY = 2e-3, 0.05
_SHIFT, _SCALE, _TURN = 0.06, 0.08, 0.08  # of half the width; of 1; in radians
_GAMMA = 0.2


def steps_for(image_size: tuple[int, int]) -> int:
    """Steps that take about a minute on one core: more of small images."""
    height, width = image_size
    return int(min(max(_STEPS, _STEPS * _SIDE**2 / (height * width)), _MOST_STEPS))


@dataclass(frozen=True)
class Learned:
    """A trained network and the seconds that its training took."""

    network: SupervisedNetwork
    seconds: float

    @torch.inference_mode()
    def score(self, images: UInt8[np.ndarray, "n height width"]) -> Float[np.ndarray, " n"]:
        """Logits, higher = more abnormal."""
        self.network.eval()
        parts = [self.network(part) for part in _tensor(images).split(64)]
        return torch.cat(parts).double().numpy()


def learn(
    normals: UInt8[np.ndarray, "n height width"],
    abnormals: UInt8[np.ndarray, "m height width"],
    seed: int,
    mirrored: bool,
    steps: int,
) -> Learned:
    """Train on both classes in equal shares.

    Args:
        mirrored: whether an image may be seen from left to right; not where that is an anomaly.
        steps: of 32 images; fixed before anything is measured.
    """
    started = time.perf_counter()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = SupervisedNetwork()
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps + 1)
    half = _BATCH // 2
    labels = torch.cat([torch.zeros(half), torch.ones(half)])
    for _ in range(steps):
        drawn = [own[rng.integers(len(own), size=half)] for own in (normals, abnormals)]
        images = _changed(_tensor(np.concatenate(drawn)), rng, mirrored)
        loss = F.binary_cross_entropy_with_logits(network(images), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return Learned(network, time.perf_counter() - started)


def _tensor(images: np.ndarray) -> Float[Tensor, "n 1 height width"]:
    return torch.from_numpy(images)[:, None].float() / 255


def _changed(images: Tensor, rng: np.random.Generator, mirrored: bool) -> Tensor:
    """Each image moved, scaled, turned and exposed a little otherwise."""
    count = len(images)
    turn = torch.from_numpy(rng.uniform(-_TURN, _TURN, count))
    scale = torch.from_numpy(rng.uniform(1 - _SCALE, 1 + _SCALE, count))
    sign = torch.from_numpy(rng.choice([-1.0, 1.0], count)) if mirrored else torch.ones(count)
    shift = torch.from_numpy(rng.uniform(-_SHIFT, _SHIFT, (count, 2)))
    cos, sin = scale * torch.cos(turn), scale * torch.sin(turn)
    rows = [torch.stack([cos * sign, -sin, shift[:, 0]], 1),
            torch.stack([sin * sign, cos, shift[:, 1]], 1)]  # fmt: skip
    grid = F.affine_grid(torch.stack(rows, 1).float(), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    gamma = torch.from_numpy(rng.uniform(1 - _GAMMA, 1 + _GAMMA, (count, 1, 1, 1))).float()
    return moved.clamp(0, 1) ** gamma
