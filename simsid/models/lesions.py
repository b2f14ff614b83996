"""Lesions painted into normal films, and a network that learns to find them.

No abnormal film is needed: a normal film with and without a painted lesion, under the same change
of exposure and position, differ in nothing else. Related: CutPaste (Li et al. 2021), natural
synthetic anomalies (Schlüter et al. 2022), foreign patch interpolation (Tan et al. 2020), MedMix
(source 004).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.layers import BatchNorm2d, NormalisedConv, conv_block, standardise
from simsid.models.members import Members
from simsid.models.variation import VariationRange, blur, draw_variation

_VISIBLE = (0.01, 0.06)  # change in grey levels that begins to count, and counts in full
_RAREST = 1e-3  # a share of normals below which numbers are not told apart
_SAMPLE = 7  # a quantile needs no more than every seventh pixel


def paint_lesions(
    films: Float[Tensor, "batch 1 height width"], graft_share: float = 0.5
) -> tuple[Float[Tensor, "batch 1 height width"], Float[Tensor, "batch 1 height width"]]:
    """Give each film lesions that it does not have: opacities, or grafts from another film.

    An opacity (one to four, soft, mottled) lifts dark tissue towards the film's own bright tissue
    and washes out its detail, as a consolidation or a haze does; it never darkens. A graft blends
    in the same place of another normal film, moved a little: structure that is normal, but not
    here. Where lungs may be: left and right of the middle.

    Args:
        films: normal films in [0, 1].
        graft_share: how many films get grafts, 0 to 1.

    Returns:
        The films with lesions, and how far each pixel changed.
    """
    count = len(films)
    opacity = _uniform(films, 0.2, 0.95)
    share = opacity * (1.4 * _blobs(films, 4, 0.07) * _mottle(films)).clamp(0, 1)
    target = _hazy(films)
    grafts = opacity * blur((_blobs(films, 2, 0.12) > 0.4).float(), 5)
    other = films.roll(int(torch.randint(1, max(2, count), ())), 0)  # never the film itself
    reach = max(1, films.shape[-1] // 10)
    shift = [int(torch.randint(-reach, reach + 1, ())) for _ in range(2)]
    grafted = _uniform(films, 0.0, 1.0) < graft_share
    share = torch.where(grafted, grafts, share)
    target = torch.where(grafted, other.roll(shift, (2, 3)), target)
    painted = (films + share * (target - films)).clamp(0, 1)
    return painted, (painted - films).abs()


def _uniform(films: Tensor, low: float, high: float) -> Float[Tensor, "batch 1 1 1"]:
    return torch.rand(len(films), 1, 1, 1, device=films.device) * (high - low) + low


def _hazy(films: Tensor) -> Float[Tensor, "batch 1 height width"]:
    """Each film with its dark tissue lifted to a level of its bright tissue, detail washed out."""
    smooth = blur(films, 9)
    quantiles = torch.tensor([0.55, 0.9], device=films.device)
    low, high = torch.quantile(films.flatten(1)[:, ::_SAMPLE].float(), quantiles, dim=1)
    level = low.reshape(-1, 1, 1, 1) + (high - low).reshape(-1, 1, 1, 1) * _uniform(films, 0.0, 1.0)
    return torch.maximum(smooth, level) + _uniform(films, 0.0, 0.6) * (films - smooth)


def _blobs(films: Tensor, most: int, smallest: float) -> Float[Tensor, "batch 1 height width"]:
    """One to ``most`` Gaussian blobs of random place, size and shape; 1 at their centres.

    Sizes are shares of half the film: from ``smallest`` to 0.6, uniform in their log.
    """
    count, _, height, width = films.shape
    rows = torch.linspace(-1, 1, height, device=films.device)[:, None]
    cols = torch.linspace(-1, 1, width, device=films.device)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, most, 1, 1, device=films.device) * (high - low) + low

    side = torch.where(uniform(0.0, 1.0) < 0.5, -1.0, 1.0)
    row, col = uniform(-0.8, 0.6), side * uniform(0.08, 0.73)
    tall = uniform(math.log(smallest), math.log(0.6)).exp()
    wide = tall * uniform(-0.6, 0.4).exp()
    blobs = torch.exp(-(((rows - row) / tall) ** 2) - ((cols - col) / wide) ** 2)
    number = torch.randint(1, most + 1, (count, 1, 1, 1), device=films.device)
    index = torch.arange(most, device=films.device)[None, :, None, None]
    return (blobs * (index < number)).amax(1, keepdim=True)


def _mottle(films: Tensor) -> Float[Tensor, "batch 1 height width"]:
    """A smooth random texture in (0, 1): coarse, finer and fine."""
    size = tuple(films.shape[2:])

    def noise(cells: int) -> Tensor:
        drawn = torch.randn(len(films), 1, cells, cells, device=films.device)
        return F.interpolate(drawn, size=size, mode="bicubic", align_corners=False)

    return torch.sigmoid(2.0 * noise(8) + noise(24) + noise(48) + 0.5)


class _Residual(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_block(channels, channels)
        self.second = NormalisedConv(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), BatchNorm2d(channels)
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return self.second(self.first(x)).add_(x).relu_()


class LesionNetwork(nn.Module):
    """Whole film in, one logit for each cell of 16 px out: is there a lesion?

    Unlike the patch encoder it sees a cell's surroundings, and it sees films standardised, so that
    exposure and contrast drop out.
    """

    cell = 16

    def __init__(self, channels: int = 24) -> None:
        super().__init__()
        widths = (channels, 2 * channels, 4 * channels, 4 * channels)
        self.feature_dim = widths[-1]
        layers: list[nn.Module] = [conv_block(1, channels, 5, 2)]
        for before, after in pairwise(widths):
            layers += [conv_block(before, after, 3, 2), _Residual(after)]
        self.encoder = nn.Sequential(*layers, _Residual(widths[-1]))
        self.head = nn.Conv2d(widths[-1], 1, 1)

    def forward(
        self, films: Float[Tensor, "batch 1 height width"]
    ) -> tuple[Float[Tensor, "batch 1 rows cols"], Float[Tensor, "batch c rows cols"]]:
        """Logits and features of each cell; higher logit = more like a lesion."""
        x = standardise(films).contiguous(memory_format=torch.channels_last)
        features = self.encoder(x)
        return self.head(features).float(), features.float()


class LesionBranch(nn.Module):
    """Several lesion networks trained on their own lesions, each with a running mean of its weights.

    Scores are read from the means: single steps of training swing, and what swings is not what
    normal films have in common.

    Args:
        members: networks; their logits are averaged.
        graft_share: see :func:`paint_lesions`.
        decay: of the running mean, a step; 0 reads the last weights.

    Raises:
        ValueError: no networks, or a decay outside [0, 1).
    """

    steps: Tensor

    def __init__(
        self, channels: int, members: int, graft_share: float = 0.5, decay: float = 0.995
    ) -> None:
        super().__init__()
        if members < 1 or not 0 <= decay < 1:
            raise ValueError(f"lesion networks need members >= 1 and a decay in [0, 1), "
                             f"not {members} and {decay}")  # fmt: skip
        self.learners = Members[LesionNetwork](LesionNetwork(channels) for _ in range(members))
        self.averages = copy.deepcopy(self.learners).requires_grad_(False)
        self.graft_share, self.decay = graft_share, decay
        self.feature_dim = sum(network.feature_dim for network in self.learners)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def train(self, mode: bool = True) -> LesionBranch:
        super().train(mode)
        self.averages.eval()  # running means are read, never trained
        return self

    def loss(
        self, films: Float[Tensor, "batch 1 height width"], largest: VariationRange
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of cells, over films as they are and painted."""
        losses = []
        for learner in self.learners:
            painted, change = paint_lesions(films, self.graft_share)
            drawn = draw_variation(films, largest)
            change = drawn.move(change, padding_mode="zeros")
            change = F.avg_pool2d(change, LesionNetwork.cell)
            truth = ((change - _VISIBLE[0]) / (_VISIBLE[1] - _VISIBLE[0])).clamp(0, 1)
            pairs = torch.cat([drawn.expose(drawn.move(films)), drawn.expose(drawn.move(painted))])
            logits, _ = learner(pairs)
            truth = torch.cat([torch.zeros_like(truth), truth])
            losses.append(F.binary_cross_entropy_with_logits(logits, truth))
        return torch.stack(losses).mean()

    @torch.no_grad()
    def follow(self) -> None:
        """Move the running means after a step."""
        self.steps += 1
        steps = int(self.steps)
        decay = min(self.decay, (1 + steps) / (10 + steps))
        own, running = self.learners.state_dict(), self.averages.state_dict()
        for name, value in running.items():
            if value.is_floating_point():
                value.lerp_(own[name], 1 - decay)
            else:
                value.copy_(own[name])

    def forward(
        self, films: Float[Tensor, "batch 1 height width"]
    ) -> tuple[Float[Tensor, "batch 1 rows cols"], Float[Tensor, "batch c rows cols"]]:
        """Mean logits and joined features of the running means."""
        outputs: Sequence[tuple[Tensor, Tensor]] = [network(films) for network in self.averages]
        logits = torch.stack([logits for logits, _ in outputs]).mean(0)
        return logits, torch.cat([features for _, features in outputs], 1)


def normal_levels(
    logits: Float[Tensor, "films rows cols"], count: int
) -> Float[Tensor, "levels rows cols"]:
    """``count`` quantiles, lowest to highest, of what normal films show in each cell."""
    shares = torch.linspace(0, 1, count, device=logits.device)
    return torch.quantile(logits, shares, dim=0)


def normal_scores(
    logits: Float[Tensor, "batch rows cols"], levels: Float[Tensor, "levels rows cols"]
) -> Float[Tensor, "batch rows cols"]:
    """How rare each cell is among normals at the same place, as a standard normal deviate.

    A logit becomes its share of ``levels`` below, and that the deviate with the same share below:
    0 is the median normal film, 3.1 the most that is told. No cell can outvote a whole film, and
    cells that always look odd (borders, hila) count no more than others.
    """
    below = (logits[:, None] > levels).sum(1)  # of 0 .. levels
    upper = below.clamp(1, len(levels) - 1)
    high = levels.gather(0, upper)
    low = levels.gather(0, upper - 1)
    part = ((logits - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    share = (upper - 1 + part) / (len(levels) - 1)
    return torch.special.ndtri(share.clamp(_RAREST, 1 - _RAREST))


def centred(
    logits: Float[Tensor, "batch rows cols"], share: float
) -> Float[Tensor, "batch rows cols"]:
    """Logits less a share of their film's own median cell.

    A film of another look shifts all of its cells at once; what disease does to a film shifts them
    too, so that not all of the shift may go. 0 leaves them as they are.
    """
    ordered = logits.flatten(1).sort(1).values
    count = ordered.shape[1]
    median = (ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2
    return logits - share * median[:, None, None]


def excess_probability(
    logits: Float[Tensor, "batch rows cols"], levels: Float[Tensor, "levels rows cols"]
) -> Float[Tensor, "batch rows cols"]:
    """How much likelier a lesion is than in the median normal film at the same place.

    Unlike :func:`normal_scores` it knows how sure the network is: for maps, where the place that
    most looks like a lesion must stand out, not one that hardly varies among normals.
    """
    return logits.sigmoid() - levels[len(levels) // 2].sigmoid()


def cells_to_regions(
    cells: Float[Tensor, "batch c rows cols"], grid_size: tuple[int, int]
) -> Float[Tensor, "batch patches c"]:
    """Mean over the cells of each region, or the cell that a smaller region lies in."""
    pooled = F.adaptive_avg_pool2d(cells, grid_size)
    return pooled.flatten(2).transpose(1, 2)


def check_cells(image_size: tuple[int, int]) -> None:
    """Raise ValueError unless the film is cut into whole cells."""
    if any(side % LesionNetwork.cell for side in image_size):
        raise ValueError(
            f"a lesion branch needs sides that are multiples of {LesionNetwork.cell} px, "
            f"not {image_size}"
        )
