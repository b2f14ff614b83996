"""Films brought into one pose: a canonical film, a network that predicts an affine, and the way back.

Source: Kim and Chun, 'Region and global-specific PatchCore based anomaly detection from chest X-ray
images', 2024, section 3.1; after Liu et al., 'Align, attend and locate', ICCV 2019.

An affine map is (2, 3): it takes a place in the aligned film to one in the film as it came, both
in units of half the film, the middle at 0 (``torch.nn.functional.affine_grid``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from simsid.models.layers import BatchNorm2d, NormalisedConv, standardise
from simsid.models.ssim import reversed_ssim

_LIMIT = 0.3  # of each number, either way: no map can turn over or lose the film
_POOLED = 4


class AffineNet(nn.Module):
    """Predicts the affine map that aligns a film; before training it is the identity.

    Args:
        width: channels of the first layer.
        size: pixels of the square that films are shrunk to.

    Relative to the paper: a small network instead of a ResNet. The first prediction is the
    identity since the last layer starts at zero, where the paper scales the range of the first
    predictions down; tanh bounds it, where the paper has a sigmoid. All pooling averages, as there.
    """

    def __init__(self, width: int = 16, size: int = 64) -> None:
        super().__init__()
        self.size = size
        widths = (1, width, 2 * width, 4 * width)
        self.body = nn.Sequential(
            *(
                NormalisedConv(
                    nn.Conv2d(before, after, 3, padding=1, bias=False),
                    BatchNorm2d(after),
                    nn.ReLU(inplace=True),
                    nn.AvgPool2d(2),
                )
                for before, after in pairwise(widths)
            )
        )
        self.hidden = nn.Linear(4 * width * _POOLED**2, 4 * width)
        self.head = nn.Linear(4 * width, 6)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, films: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 2 3"]:
        x = self.body(standardise(shrunk(films, self.size)))
        x = self.hidden(F.adaptive_avg_pool2d(x, _POOLED).flatten(1)).relu()
        change = _LIMIT * torch.tanh(self.head(x).float())
        return identity(films.shape[0], films) + change.unflatten(1, (2, 3))  # eq. 4


def identity(count: int | torch.SymInt, like: Tensor) -> Float[Tensor, "count 2 3"]:
    """``count`` maps that change nothing."""
    return torch.eye(2, 3, device=like.device).expand(count, 2, 3)


def inverse(theta: Float[Tensor, "batch 2 3"]) -> Float[Tensor, "batch 2 3"]:
    """The maps that undo these."""
    turn = torch.linalg.inv(theta[:, :, :2].float())
    return torch.cat([turn, -turn @ theta[:, :, 2:].float()], 2)


def compose(
    theta: Float[Tensor, "batch 2 3"], first: Float[Tensor, "1 2 3"]
) -> Float[Tensor, "batch 2 3"]:
    """``first``, then ``theta``: the maps of films that are looked at through ``first``."""
    turned = theta[:, :, :2] @ first
    return torch.cat([turned[:, :, :2], turned[:, :, 2:] + theta[:, :, 2:]], 2)


def warp(
    images: Float[Tensor, "batch channels height width"],
    theta: Float[Tensor, "batch 2 3"],
    padding: str = "border",
) -> Float[Tensor, "batch channels height width"]:
    """Images seen through the maps. Brightness is kept: what lies beyond the film repeats its edge.

    With ``inverse(theta)`` what was found on aligned films goes back onto the films as they came;
    there ``padding`` 'zeros' says that nothing was looked at.
    """
    grid = F.affine_grid(theta.float(), list(images.shape), align_corners=False)
    return F.grid_sample(images.float(), grid, padding_mode=padding, align_corners=False)


def in_sight(
    theta: Float[Tensor, "batch 2 3"], size: tuple[int, int]
) -> Bool[Tensor, "batch 1 rows cols"]:
    """Which places of the aligned films show film, and not what was made up beyond its edge."""
    grid = F.affine_grid(theta.float(), [theta.shape[0], 1, *size], align_corners=False)
    return (grid.abs() <= 1).all(3)[:, None]


def shrunk(films: Float[Tensor, "batch 1 height width"], size: int) -> Float[Tensor, "batch 1 h w"]:
    """Films of ``size`` x ``size`` pixels, each the mean of those it covers."""
    return F.interpolate(films, (size, size), mode="bilinear", antialias=True)


def alignment_losses(
    aligned: Float[Tensor, "batch 1 height width"],
    canonical: Float[Tensor, "1 1 height width"],
    features: Callable[[Tensor], Sequence[Tensor]],
) -> dict[str, Tensor]:
    """How far aligned films are from the canonical one, in three ways.

    - ``consistency``: mean absolute difference at equal exposure.
    - ``ssim``: one minus the structural similarity.
    - ``perceptual``: mean squared difference of feature maps, each in units of the canonical's.

    Source: section 3.1, figure 7.
    """
    target = canonical.expand_as(aligned)
    perceptual = aligned.new_zeros(())
    for ours, theirs in zip(features(aligned), features(canonical), strict=True):
        ours, theirs = ours.float(), theirs.detach().float()
        perceptual = perceptual + F.mse_loss(ours, theirs.expand_as(ours)) / theirs.var()
    return {
        "consistency": (standardise(aligned) - standardise(target)).abs().mean(),
        "ssim": reversed_ssim(aligned, target),
        "perceptual": perceptual,
    }


def body_mask(
    canonical: Float[Tensor, "1 1 height width"], threshold: float
) -> Bool[Tensor, "height width"]:
    """The body in the canonical film: what is brighter than ``threshold``, holes filled.

    A body is one piece that covers at least half of the film. Where there is none, as among
    scattered digits, every place is kept. Source: section 3.3, which takes 10 of 255.
    """
    from scipy.ndimage import binary_fill_holes, label

    bright = canonical[0, 0].cpu().numpy() > threshold
    pieces, count = label(binary_fill_holes(bright))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    if not count or sizes.max() < 0.5 * bright.size:
        return torch.ones(canonical.shape[2:], dtype=torch.bool)
    return torch.as_tensor(pieces == 1 + sizes.argmax())
