"""The expected film with its systems of equations solved beforehand: ONNX solves none."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.models.expected import ExpectedFilm


class SolvedExpectedFilm(ExpectedFilm):
    """Tells what ``expected`` tells, by products of matrices alone.

    Args:
        usual: the mean normal film, for a model that was saved without directions.
    """

    order: Tensor
    back: Tensor
    centre: Tensor
    basis: Tensor
    inverses: Tensor

    def __init__(self, expected: ExpectedFilm, usual: Float[Tensor, "1 1 height width"]) -> None:
        super().__init__(expected.image_size, expected.grid_size)
        mean, basis, noise = expected.normal_model(usual)
        places = self._places(mean.device)
        order = places.argsort(stable=True)
        self.ends = [0, *places.bincount().cumsum(0).tolist()]
        self.register_buffer("order", order)
        self.register_buffer("back", order.argsort())
        self.register_buffer("centre", mean[order])
        self.register_buffer("basis", basis[:, order])
        wide = self.basis.double()
        rest = wide @ wide.T + noise.double() * torch.eye(len(basis), dtype=torch.float64)
        parts = [wide[:, start:end] for start, end in pairwise(self.ends)]
        inverses = [torch.linalg.inv(rest - own @ own.T) for own in parts]
        self.register_buffer("inverses", torch.stack(inverses))

    def forward(
        self,
        films: Float[Tensor, "batch 1 height width"],
        usual: Float[Tensor, "1 1 height width"],
    ) -> Float[Tensor, "batch 1 height width"]:
        centred = self._small(films)[:, self.order] - self.centre
        seen, told = centred @ self.basis.T, []
        for place, (start, end) in enumerate(pairwise(self.ends)):
            own = self.basis[:, start:end]
            others = seen - centred[:, start:end] @ own.T
            along = (others.double() @ self.inverses[place].T).float()
            told.append(self.centre[start:end] + along @ own)
        pictures = torch.cat(told, 1)[:, self.back].clamp(0, 1).unflatten(1, (1, *self.size))
        return F.interpolate(pictures, self.image_size, mode="bilinear", align_corners=False)
