"""A Gaussian at every position of a feature map, and how far a film is from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

_FLOOR = 0.01  # of the mean variance: positions that hardly vary must not drown the others
_LARGEST_HALF = 65504.0


class PositionGaussian(nn.Module):
    """Mean and covariance of the features at each position; Mahalanobis distances to them.

    Kept are the mean and the inverse Cholesky factor of the covariance, its lower triangle alone
    and rounded to half precision: a quarter of the space.

    Relative to the paper: the covariance is shrunk towards a sphere as far as the number of films
    asks for (oracle approximating shrinkage), so a dozen normals do, and features of any scale; the
    paper adds 0.01 to the diagonal.

    Source: Defard et al., 'PaDiM', ICPR 2020; Chen et al., 'Shrinkage algorithms for MMSE
    covariance estimation', 2010.
    """

    rows: Tensor
    cols: Tensor
    mean: Tensor
    factor: Tensor

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        rows, cols = torch.tril_indices(channels, channels)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("cols", cols, persistent=False)
        self.register_buffer("mean", torch.zeros(size[0] * size[1], channels))
        self.register_buffer("factor", (rows == cols).float().repeat(len(self.mean), 1))
        self.size = size

    @torch.no_grad()
    def fit(self, batches: Callable[[], Iterator[Float[Tensor, "batch channels h w"]]]) -> None:
        """Learn from feature maps of normals; ``batches`` gives them anew at each call."""
        total, count = torch.zeros_like(self.mean, dtype=torch.float64), 0
        for maps in batches():
            total += maps.flatten(2).double().sum(0).T
            count += len(maps)
        self.mean.copy_((total / count).half().float())
        channels = self.mean.shape[1]
        scatter = self.mean.new_zeros(len(self.mean), channels, channels)
        for maps in batches():
            centred = maps.flatten(2).permute(2, 0, 1).float() - self.mean[:, None]
            scatter.baddbmm_(centred.transpose(1, 2), centred)
        covariance = shrunk_covariance(scatter / count, count)
        eye = torch.eye(channels, device=scatter.device).expand_as(covariance)
        inverse = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), eye, upper=False)
        packed = inverse[:, self.rows, self.cols].clamp(-_LARGEST_HALF, _LARGEST_HALF)
        self.factor.copy_(packed.half().float())

    def forward(self, maps: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch 1 h w"]:
        """Mahalanobis distance of each position, in standard deviations; higher = more abnormal."""
        channels = self.mean.shape[1]
        factor = self.mean.new_zeros(len(self.mean), channels, channels)
        factor[:, self.rows, self.cols] = self.factor
        centred = maps.flatten(2).permute(2, 1, 0).float() - self.mean[:, :, None]
        with torch.autocast(maps.device.type, enabled=False):
            distance = torch.bmm(factor, centred).norm(dim=1)  # eq. 12
        return distance.T.reshape(-1, 1, *self.size)


def shrunk_covariance(covariance: Float[Tensor, "n d d"], count: int) -> Float[Tensor, "n d d"]:
    """Oracle approximating shrinkage of each sample covariance of ``count`` samples, as scikit-learn has it.

    A hundredth of the mean variance of all n is added to the diagonals.
    """
    d = covariance.shape[1]
    trace = covariance.diagonal(dim1=1, dim2=2).sum(1)
    squares = covariance.square().sum((1, 2))
    above = squares + trace.square()
    below = (count + 1) * (squares - trace.square() / d)
    share = torch.where(below > 0, above / below.clamp_min(1e-30), 1.0).clamp(0, 1)
    share = share[:, None, None]
    eye = torch.eye(d, device=covariance.device)
    sphere = (trace / d)[:, None, None] * eye
    floor = (_FLOOR * trace.mean() / d).clamp_min(1e-12)
    return (1 - share) * covariance + share * sphere + floor * eye
