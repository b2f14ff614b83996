"""What a normal film would have at a place, told from the rest of the film alone.

The in-painting of SimSID and SQUID reads the place itself too (its query is what the memory makes of
the place's own content), so that a blank stays a blank. Here the place is left out: normal films vary
along a few directions, where a film lies along them is read from all other pixels, and what that says
of the place is its expected picture. Source: conditional mean of probabilistic principal components
(Tipping & Bishop 1999).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

_DIRECTIONS = 32
_SIDE = 96  # px: films are looked at no larger
_MOST_FILMS = 512
_QUARTER, _LEAST_TO_CHOOSE = 4, 40
_FACTORS = (1.0, 4.0, 16.0, 64.0, 256.0)  # neighbouring pixels do not err on their own
_LEAST = 1e-6


class ExpectedFilm(nn.Module):
    """Mean and main directions of normal films, at no more than 96 px a side.

    Before ``fit``, and in model folders that were saved without it, there is no direction: then the
    expected picture is the mean normal film in the exposure and contrast of the film's other places.

    Args:
        image_size: of the films. grid_size: of the places, rows and columns.
    """

    mean: Tensor
    directions: Tensor
    noise: Tensor
    fitted: Tensor

    def __init__(self, image_size: tuple[int, int], grid_size: tuple[int, int]) -> None:
        super().__init__()
        factor = -(-max(image_size) // _SIDE)
        self.image_size, self.grid_size = image_size, grid_size
        self.size = (max(1, image_size[0] // factor), max(1, image_size[1] // factor))
        pixels = self.size[0] * self.size[1]
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("directions", torch.zeros(_DIRECTIONS, pixels))
        self.register_buffer("noise", torch.ones(()))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    @property
    def is_fitted(self) -> bool:
        return bool(self.fitted)

    @torch.no_grad()
    def fit(self, films: Float[Tensor, "n 1 height width"]) -> None:
        """Learn from normal films; of more than 512 evenly spaced ones count.

        How much of a film's other places is noise that says nothing of this one is chosen on a
        quarter of the films, by the picture of each place that the other three quarters give.
        """
        small = self._small(films[:: -(-len(films) // _MOST_FILMS)])
        self.fitted.fill_(True)
        held_out = torch.arange(len(small), device=small.device) % _QUARTER == 0
        if len(small) >= _LEAST_TO_CHOOSE:
            rest = self._set(small[~held_out])
            errors = []
            for factor in _FACTORS:
                self.noise.copy_(factor * rest)
                told = self._told(small[held_out], *self._learned)
                errors.append((told - small[held_out]).square().mean())
            factor = _FACTORS[int(torch.stack(errors).argmin())]
        else:
            factor = _FACTORS[-1]
        self.noise.copy_((factor * self._set(small)).half())

    def _set(self, small: Float[Tensor, "n pixels"]) -> Float[Tensor, ""]:
        """Take mean and directions of these films; returns the variance of a pixel beside them.

        Directions are scaled by the standard deviation along them, and rounded to half precision.
        """
        mean = small.mean(0)
        centred = small - mean
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        count = min(_DIRECTIONS, len(small) - 1)
        values, vectors = values[-count:].clamp_min(0), vectors[:, -count:]
        unit = (vectors / values.sqrt().clamp_min(_LEAST)).T @ centred
        spread = (values / max(1, len(small) - 1)).sqrt()
        self.mean.copy_(mean.half())
        self.directions.zero_()
        self.directions[:count] = (spread[:, None] * unit).half()
        beside = (centred.square().sum() - values.sum()) / centred.numel()
        return beside.clamp_min(_LEAST)

    def forward(
        self,
        films: Float[Tensor, "batch 1 height width"],
        usual: Float[Tensor, "1 1 height width"],
    ) -> Float[Tensor, "batch 1 height width"]:
        """Each place in-painted from all others, all places at once; in [0, 1].

        Args:
            usual: the mean normal film, for a model that was saved without directions.
        """
        told = self._told(self._small(films), *self.normal_model(usual))
        pictures = told.clamp(0, 1).reshape(-1, 1, *self.size)
        return F.interpolate(pictures, self.image_size, mode="bilinear", align_corners=False)

    def normal_model(
        self, usual: Float[Tensor, "1 1 height width"]
    ) -> tuple[Float[Tensor, " pixels"], Float[Tensor, "directions pixels"], Float[Tensor, ""]]:
        """Mean, directions and noise that places are told with; ``usual``: see :meth:`forward`."""
        if self.is_fitted:
            return self._learned
        mean = self._small(usual)[0]
        return mean, torch.stack([torch.ones_like(mean), mean]), self.noise.new_tensor(_LEAST)

    @property
    def _learned(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.mean, self.directions, self.noise

    def _told(
        self, small: Float[Tensor, "n pixels"], mean: Tensor, basis: Tensor, noise: Tensor
    ) -> Float[Tensor, "n pixels"]:
        result = torch.zeros_like(small)
        place_of = self._places(small.device)
        prior = noise * torch.eye(len(basis), device=small.device)
        whole, seen = basis @ basis.T, (small - mean) @ basis.T
        for place in range(self.grid_size[0] * self.grid_size[1]):
            inside = place_of == place
            own = basis[:, inside]
            others = seen - (small[:, inside] - mean[inside]) @ own.T
            along = torch.linalg.solve(whole - own @ own.T + prior, others.T)
            result[:, inside] = mean[inside] + along.T @ own
        return result

    def _places(self, device: torch.device) -> Int[Tensor, " pixels"]:
        """The place that each pixel lies in, in reading order."""
        (rows, cols), (height, width) = self.grid_size, self.size
        row = torch.arange(height, device=device) * rows // height
        col = torch.arange(width, device=device) * cols // width
        return (row[:, None] * cols + col).flatten()

    def _small(self, films: Tensor) -> Float[Tensor, "n pixels"]:
        return F.interpolate(films.float(), self.size, mode="area").flatten(1)
