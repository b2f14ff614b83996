"""The few operators that ONNX has not, in others that it has, with the same values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from simsid.export.resize import axis_matrix, pooling_matrix

# Numerator and denominator, lowest power first, of the deviate in the middle and in the tails.
# Source: Wichura, 'Algorithm AS 241: the percentage points of the normal distribution', 1988.
_MIDDLE = (
    (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
     45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727),
    (1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
     21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610),
)  # fmt: skip
_TAIL = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
     1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833,
     7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
     0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip


class PlainOperators(TorchFunctionMode):
    """While it is entered, torch calls what it finds in ``REPLACED`` instead.

    The network that is traced stays as it is written; nothing outside of the block changes.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return REPLACED.get(func, func)(*args, **(kwargs or {}))


def normal_deviate(share: Tensor) -> Tensor:
    """``torch.special.ndtri`` for shares from 1e-11 to 1 - 1e-11, to the last digits of float32."""
    exact = share.double()
    middle = exact - 0.5
    near = middle * _ratio(_MIDDLE, 0.180625 - middle.square())
    rarest = torch.minimum(exact, 1 - exact)
    tail = _ratio(_TAIL, (-rarest.log()).sqrt() - 1.6)
    return torch.where(middle.abs() <= 0.425, near, torch.sign(middle) * tail).to(share.dtype)


def _ratio(numbers: tuple[tuple[float, ...], ...], x: Tensor) -> Tensor:
    above, below = (_polynomial(each, x) for each in numbers)
    return above / below


def _polynomial(numbers: Sequence[float], x: Tensor) -> Tensor:
    value = torch.full_like(x, numbers[-1])
    for number in reversed(numbers[:-1]):
        value = value * x + number
    return value


def distances(
    one: Float[Tensor, "*batch n dim"], other: Float[Tensor, "*batch m dim"], **kwargs: Any
) -> Float[Tensor, "*batch n m"]:
    """``torch.cdist`` by squares in float64, which leaves float32 all of its digits."""
    ours, theirs = one.double(), other.double()
    squares = ours.square().sum(-1)[..., :, None] + theirs.square().sum(-1)[..., None, :]
    apart = squares - 2 * ours @ theirs.transpose(-1, -2)
    return apart.clamp_min(0).sqrt().to(one.dtype)


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", **kwargs: Any
) -> Tensor:
    """``F.interpolate``, where antialiased or by area as two matrices."""
    if kwargs.pop("antialias", False):
        return _by_matrices(input, size, axis_matrix)
    if mode == "area":
        return _by_matrices(input, size, pooling_matrix)
    return F.interpolate(input, size, scale_factor, mode, **kwargs)


def adaptive_average(input: Tensor, output_size: Any) -> Tensor:
    """``F.adaptive_avg_pool2d`` as two matrices."""
    size = (output_size, output_size) if isinstance(output_size, int) else output_size
    return _by_matrices(input, size, pooling_matrix)


def _by_matrices(
    images: Tensor, size: Sequence[int], matrix: Callable[[int, int], Tensor]
) -> Tensor:
    rows, cols = (matrix(images.shape[axis], size[axis - 2]) for axis in (2, 3))
    return rows.to(images.dtype) @ images @ cols.to(images.dtype).T


def adaptive_max_pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Tensor:
    """``F.adaptive_max_pool2d`` onto a grid that divides the image, as a detector's grid does."""
    window = [input.shape[axis] // output_size[axis - 2] for axis in (2, 3)]
    return F.max_pool2d(input, window)


def small_inverse(matrix: Float[Tensor, "*batch 2 2"]) -> Float[Tensor, "*batch 2 2"]:
    """``torch.linalg.inv`` of 2 x 2 matrices."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrix.unbind(-2))
    adjoint = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    return adjoint / (a * d - b * c)[..., None, None]


def mean(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor.mean``, summed in float64: runtimes sum many pixels less well than torch does."""
    return input.double().mean(*args, **kwargs).to(input.dtype)


def standard_deviation(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor.std``, summed in float64."""
    return input.double().std(*args, **kwargs).to(input.dtype)


REPLACED: dict[Any, Callable[..., Any]] = {
    torch.special.ndtri: normal_deviate,
    torch.cdist: distances,
    torch.linalg.inv: small_inverse,
    torch.Tensor.mean: mean,
    torch.Tensor.std: standard_deviation,
    F.interpolate: interpolate,
    F.adaptive_avg_pool2d: adaptive_average,
    F.adaptive_max_pool2d: adaptive_max_pool,
}
