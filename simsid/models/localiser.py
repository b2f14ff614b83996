"""A network that is shown a film and its GAN restoration, segments what is unhealthy and restores it.

It learns from films that were healthy before a lesion was painted into them, so it needs no mask
of a patient. Source: the problem statement of 'Unsupervised anomaly detection and localization via
GAN' (003), which asks for M and the restored X; the network and its lesions are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.layers import conv_block, upsample
from simsid.models.lesions import paint_lesions
from simsid.models.medmix import MOST_LESIONS, MedMixRange, medmix

_INPUTS = 5  # film, restoration, their difference, row, column
_VISIBLE = (0.01, 0.06)  # change in grey levels that begins to count, and counts in full
_TRANSPLANTS = MedMixRange(  # larger and plainer than MedMix's own: out of place, little altered
    size=(0.08, 0.28), contrast=0.1, brightness=0.03, noise=0.01, curved=0.1, visible=0.0
)


class Localiser(nn.Module):
    """A U-Net over half-size films; see :meth:`forward`.

    It knows where in the film it looks: what is normal here may be abnormal there.

    Args:
        channels: widths; each halves the size. Images must be divisible by 2 to their number.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        downs = [conv_block(_INPUTS, channels[0], 5, 2)]
        downs += [
            nn.Sequential(conv_block(before, after, 3, 2), conv_block(after, after))
            for before, after in pairwise(channels)
        ]
        self.downs = nn.ModuleList(downs)
        self.ups = nn.ModuleList(
            conv_block(deep + flat, flat) for flat, deep in reversed([*pairwise(channels)])
        )
        self.head = nn.Conv2d(channels[0], 8, 3, padding=1)  # two outputs for each of 2 x 2 pixels

    def forward(
        self, films: Float[Tensor, "batch 1 h w"], rebuilt: Float[Tensor, "batch 1 h w"]
    ) -> tuple[Float[Tensor, "batch 1 h w"], Float[Tensor, "batch 1 h w"]]:
        """Logits of 'this pixel is unhealthy', and the film with what is unhealthy restored."""
        place = _coordinates(films)
        x = torch.cat([films, rebuilt, films - rebuilt, place], 1)
        x = x.contiguous(memory_format=torch.channels_last)
        levels = []
        for down in self.downs:
            x = down(x)
            levels.append(x)
        for up, level in zip(self.ups, reversed(levels[:-1]), strict=True):
            x = up(torch.cat([upsample(x), level], 1))
        logits, correction = F.pixel_shuffle(self.head(x), 2).float().split(1, 1)
        healthy = (rebuilt + correction).float()
        restored = films + logits.sigmoid() * (healthy - films)
        return logits, restored


def _coordinates(films: Tensor) -> Float[Tensor, "batch 2 h w"]:
    rows = torch.linspace(-1, 1, films.shape[2], device=films.device)
    cols = torch.linspace(-1, 1, films.shape[3], device=films.device)
    both = torch.stack(torch.meshgrid(rows, cols, indexing="ij"))
    return both.expand(films.shape[0], -1, -1, -1)


def make_unhealthy(
    films: Float[Tensor, "batch 1 h w"], painted_share: float = 0.5, healthy_share: float = 0.25
) -> tuple[Float[Tensor, "batch 1 h w"], Float[Tensor, "batch 1 h w"]]:
    """Normal films with synthetic lesions, and how much of one is in each pixel, 0 to 1.

    Of the films, ``healthy_share`` stay as they are; of the others ``painted_share`` get painted
    lesions (see :func:`paint_lesions`), the rest one to three pieces of other films, from any place
    (see :func:`medmix`).
    """
    count = len(films)
    painted, _ = paint_lesions(films)
    counts = torch.randint(1, MOST_LESIONS + 1, (count,), device=films.device)
    pasted, _ = medmix(films, counts, _TRANSPLANTS)
    drawn = torch.rand(count, 1, 1, 1, device=films.device)
    made = torch.where(drawn < healthy_share + (1 - healthy_share) * painted_share, painted, pasted)
    made = torch.where(drawn < healthy_share, films, made)
    change = F.avg_pool2d((made - films).abs(), 3, 1, 1, count_include_pad=False)
    return made, ((change - _VISIBLE[0]) / (_VISIBLE[1] - _VISIBLE[0])).clamp(0, 1)


def localiser_losses(
    logits: Float[Tensor, "batch 1 h w"],
    restored: Float[Tensor, "batch 1 h w"],
    truth: Float[Tensor, "batch 1 h w"],
    healthy: Float[Tensor, "batch 1 h w"],
    restoration_weight: float = 1.0,
) -> dict[str, Tensor]:
    """``loss`` and its parts: cross-entropy and soft Dice of the mask, L1 of the restored film.

    The restored film counts where there was a lesion and, once more, everywhere.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, truth)
    found = logits.sigmoid()
    dice = 1 - (2 * (found * truth).sum() + 1) / (found.sum() + truth.sum() + 1)
    off = (restored - healthy).abs()
    restoration = off.mean() + (off * truth).sum() / (truth.sum() + 1)
    loss = entropy + dice + restoration_weight * restoration
    return {"loss": loss, "entropy": entropy, "dice": dice, "restoration": restoration}
