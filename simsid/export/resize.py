"""A film's way to the size that a model takes, as two matrices: rows @ film @ columns."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.data.preprocess import Preprocessing

_LEVELS = 255


def axis_matrix(side: int, out: int) -> Float[Tensor, "out side"]:
    """What antialiased bilinear interpolation does along one axis of ``side`` pixels, in float64."""
    start, kept = torch.zeros((), dtype=torch.float64), torch.scalar_tensor(side).double()
    return _matrix(side, out, start, kept, start, start + out)


def _matrix(
    side: int, out: int, start: Tensor, kept: Tensor, offset: Tensor, length: Tensor
) -> Float[Tensor, "out side"]:
    """``kept`` pixels from ``start`` on become ``length`` ones from ``offset`` on; the rest is zero."""
    place = torch.arange(out, dtype=torch.float64)[:, None]
    pixel = torch.arange(side, dtype=torch.float64)[None]
    scale = kept / length
    centre = start + (place - offset + 0.5) * scale
    weights = (1 - (pixel + 0.5 - centre).abs() / scale.clamp_min(1)).clamp_min(0)
    inside = (place >= offset) & (place < offset + length)
    weights = weights * (inside & (pixel >= start) & (pixel < start + kept))
    return weights / weights.sum(1, keepdim=True).clamp_min(1e-12)


def pooling_matrix(side: int, out: int) -> Float[Tensor, "out side"]:
    """The means that adaptive average pooling takes along one axis, in float64."""
    place, pixel = torch.arange(out)[:, None], torch.arange(side)[None]
    inside = (pixel >= place * side // out) & (pixel * out < (place + 1) * side)
    return inside.double() / inside.sum(1, keepdim=True)


class Resize(nn.Module):
    """Fit, resize and grey levels of a :class:`Preprocessing`, of films of any one size.

    A film that has the model's size already comes out as it went in. Window and equalisation are
    not here: what they do depends on the film's own percentiles.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.image_size, self.fit = preprocessing.image_size, preprocessing.fit

    def forward(self, films: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 h w"]:
        sides = (films.shape[2], films.shape[3])
        counts = [torch.scalar_tensor(side).double() for side in sides]
        ratios = [out / count for out, count in zip(self.image_size, counts, strict=True)]
        rows, cols = (
            self._along(side, count, out, ratios)
            for side, count, out in zip(sides, counts, self.image_size, strict=True)
        )
        small = (rows.float() @ films @ cols.float().T).clamp(0, 1)
        return torch.round(small * _LEVELS) / _LEVELS

    def _along(self, side: int, count: Tensor, out: int, ratios: list[Tensor]) -> Tensor:
        zero = torch.zeros_like(count)
        if self.fit == "letterbox":
            length = torch.round(count * torch.minimum(*ratios)).clamp_min(1)
            return _matrix(side, out, zero, count, torch.floor((out - length) / 2), length)
        if self.fit == "crop":
            kept = torch.minimum(count, torch.round(out / torch.maximum(*ratios)))
            return _matrix(side, out, torch.floor((count - kept) / 2), kept, zero, zero + out)
        return axis_matrix(side, out)
