"""What the populations of training normals look like, and whether a film belongs to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from simsid.detectors.film_check import FilmCheck
from simsid.detectors.findings import ANOTHER, ANOTHER_CODE, REFUSE, Finding
from simsid.detectors.placement.changes import hurt
from simsid.detectors.placement.features import shrink
from simsid.detectors.population.discriminant import learn_discriminant, told_within
from simsid.models.film_features import NUM_FEATURES, SIDE, film_features, mirror_symmetry

MIN_NORMALS = 60  # fewer do not say what normals have in common
_DIRECTIONS = 40
_FOLDS = 5
_KEPT = 0.96  # of own normals
_KEPT_WRONG = 0.9  # of own normals with opacities and misplaced pieces, larger than most disease
_MIN_SPREAD = 1e-3
_LATERAL = 0.35  # mirror symmetry of a film that is no frontal view


@dataclass(frozen=True, eq=False)
class Look:
    """How films look as a whole.

    Attributes:
        features: (batch, 144) see :func:`film_features`. distances: (batch, populations), see
            :meth:`PopulationCheck.distances`.
    """

    features: Float[Tensor, "batch 144"]
    distances: Float[Tensor, "batch populations"]


class PopulationCheck(FilmCheck):
    """One subspace for each population, and how far from it a film may lie.

    Each population has the mean of its normals' features (:func:`film_features`), their 40 main
    directions with the variance along them, and the mean variance off them. The distance of a film
    is its squared Mahalanobis distance in that model (Hotelling's T2 along the directions, and the
    residual off them), divided by the population's limit: above 1 the film is of another
    population. Of a population's held-out normals at most 4 % lie beyond every limit, and at most
    10 % of them with opacities and misplaced pieces in them: disease must not look like another
    hospital.

    Which of several populations a film is compared with is told by a linear discriminant, see
    ``discriminant.py``. By the distances alone, 45 % of the children with pneumonia were judged by
    the normals of adults.

    Every buffer has a row for each population; ``direction`` and ``offset`` have none in a model
    of one population and in models saved before them. With no rows, nothing is ever found.
    """

    growing = (
        *("centre", "spread", "basis", "variance", "residual", "limit"),
        *("direction", "offset"),
    )
    discriminant = ("direction", "offset")

    centre: Tensor
    spread: Tensor
    basis: Tensor
    variance: Tensor
    residual: Tensor
    limit: Tensor
    direction: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(0, NUM_FEATURES))
        self.register_buffer("spread", torch.ones(0, NUM_FEATURES))
        self.register_buffer("basis", torch.zeros(0, NUM_FEATURES, _DIRECTIONS))
        self.register_buffer("variance", torch.ones(0, _DIRECTIONS))
        self.register_buffer("residual", torch.ones(0))
        self.register_buffer("limit", torch.ones(0))
        self.register_buffer("direction", torch.zeros(0, NUM_FEATURES))
        self.register_buffer("offset", torch.zeros(0))

    @property
    def num_populations(self) -> int:
        """0 before :meth:`fit`, or where a population was too small."""
        return len(self.limit)

    @torch.no_grad()
    def fit(
        self,
        images: Float[Tensor, "n 1 height width"],
        populations: Int[Tensor, " n"],
        seed: int = 0,
    ) -> None:
        """Learn from training normals; the same seed gives the same bits.

        With fewer than 60 normals of any population the check stays unfitted.

        Args:
            images: float in [0, 1].
            populations: 0 to count - 1, of each image.
        """
        if not enough_normals(populations):
            return
        count = int(populations.max()) + 1
        parts = [images[populations == index].cpu() for index in range(count)]
        rng = Generator().manual_seed(seed)
        features = [film_features(part) for part in parts]
        wrong = [film_features(hurt(shrink(part), rng)) for part in parts]
        models = [_subspace(own) for own in features]
        values = [torch.stack(each) for each in zip(*models, strict=True)]
        values.append(_limits(features, wrong, rng))
        for name, value in zip(self.growing, values, strict=False):
            setattr(self, name, value.to(self.limit.device))
        self.learn_to_tell_apart(images, populations, seed)

    @torch.no_grad()
    def learn_to_tell_apart(
        self,
        images: Float[Tensor, "n 1 height width"],
        populations: Int[Tensor, " n"],
        seed: int = 0,
    ) -> None:
        """Learn the discriminant of the populations from the training normals of each.

        Subspaces and limits stay as they are, so a model trained before there was a discriminant
        can be given one. With a single population there is nothing to tell apart.
        """
        rng = Generator().manual_seed(seed)
        parts = [images[populations == i].cpu() for i in range(int(populations.max()) + 1)]
        if len(parts) == 1:
            self.direction, self.offset = self.direction[:0], self.offset[:0]
            return
        for name, value in zip(self.discriminant, learn_discriminant(parts, rng), strict=True):
            setattr(self, name, value.to(self.limit.device))

    @torch.no_grad()
    def set_limits(self, images: Float[Tensor, "n 1 height width"]) -> None:
        """Widen the limits so that 96 % of these normals keep within them: of a new hospital."""
        ratios, populations = self.distances(images).min(1)
        for index in range(self.num_populations):
            own = ratios[populations == index]
            if len(own):
                self.limit[index] *= own.quantile(_KEPT).clamp_min(1.0)

    @torch.no_grad()
    def distances(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch populations"]:
        """Distance to each population, in units of its limit; above 1 = outside."""
        return self.look(images).distances

    @torch.no_grad()
    def look(self, images: Float[Tensor, "batch 1 height width"]) -> Look:
        """What all of this check is told by, for whoever asks several things of the same films."""
        features = film_features(images)
        return Look(features, self._distances(features))

    def _distances(
        self, features: Float[Tensor, "batch 144"]
    ) -> Float[Tensor, "batch populations"]:
        columns = [
            _distance(features, self.centre[i], self.spread[i], self.basis[i], self.variance[i],
                      self.residual[i]) / self.limit[i]
            for i in range(self.num_populations)
        ]  # fmt: skip
        return torch.stack(columns, 1) if columns else features.new_zeros(len(features), 0)

    @torch.no_grad()
    def nearest(self, images: Float[Tensor, "batch 1 height width"]) -> Int[Tensor, " batch"]:
        """The population that each film is compared with; 0 where there is only one, or none.

        The one that the discriminant tells, among those within whose limits the film lies; the
        one of least distance where it lies within none, or where there is no discriminant.
        """
        if self.num_populations < 2:
            return torch.zeros(len(images), dtype=torch.long, device=images.device)
        return self._nearest(self.look(images))

    def _nearest(self, look: Look) -> Int[Tensor, " batch"]:
        if not len(self.direction):
            return look.distances.argmin(1)
        return told_within(look.features @ self.direction.T + self.offset, look.distances)

    @torch.no_grad()
    def findings(
        self,
        images: Float[Tensor, "batch 1 height width"],
        own_normals: int = 0,
        uncovered: Sequence[int] = (),
        look: Look | None = None,
    ) -> list[list[Finding]]:
        """A finding for each film that is of none of the populations.

        One that is no mirror image of itself is refused as a lateral view, if at least one of the
        populations is of frontal views, which are; otherwise it is of another population.

        Args:
            images: prepared as the training normals were, float in [0, 1].
            own_normals: on how many normals of another source the model was recalibrated, if so.
            uncovered: populations that those normals do not look like; a film that does is of
                another one, however near it lies.
            look: at these films, where there has been one.
        """
        if not self.num_populations:
            return [[] for _ in images]
        look = look or self.look(images)
        outside = look.distances.amin(1) > 1
        left_out = self._left_out(look, uncovered)
        if not (outside | left_out).any():
            return [[] for _ in images]
        symmetry = mirror_symmetry(images)
        frontal = bool((mirror_symmetry(self.centre.reshape(-1, 1, SIDE, SIDE)) >= _LATERAL).any())
        found: list[list[Finding]] = []
        told = zip(outside.tolist(), left_out.tolist(), symmetry.tolist(), strict=True)
        for strange, not_covered, symmetric in told:
            if not strange:
                of_another = Finding(ANOTHER_CODE, ANOTHER, _NOT_COVERED)
                found.append([of_another] if not_covered else [])
            elif frontal and symmetric < _LATERAL:
                found.append([Finding("not_frontal", REFUSE, _NOT_FRONTAL)])
            else:
                found.append([Finding(ANOTHER_CODE, ANOTHER, _another(own_normals, frontal))])
        return found

    def _left_out(self, look: Look, uncovered: Sequence[int]) -> Bool[Tensor, " batch"]:
        """Which films are compared with one of these populations."""
        if not uncovered:
            return torch.zeros_like(look.distances[:, 0], dtype=torch.bool)
        return torch.isin(
            self._nearest(look), torch.tensor(uncovered, device=look.distances.device)
        )


def enough_normals(populations: Int[Tensor, " n"]) -> bool:
    """Whether each of these populations has enough normals to say what they have in common."""
    return int(populations.bincount().min()) >= MIN_NORMALS


def _another(own_normals: int, frontal: bool) -> str:
    """What a film of another population is told; where a recalibration was, not to do it again.

    Args:
        frontal: whether the model knows frontal views, so that a lateral one may look like this.
    """
    if own_normals:
        return (
            f"it differs from the {own_normals} normals too that this model was recalibrated on: "
            "score and map stand, a verdict does not. Look at the film"
        )
    view = "a lateral view, " if frontal else ""
    return (
        f"it is unlike this model's normals (of another source, {view}or changed as a whole by disease): "
        "score and map stand, a verdict does not. If your films are mostly like it, recalibrate on "
        "normals of its source"
    )


_NOT_COVERED = (
    "it looks like a population that this model was given no normals of when it was recalibrated: score "
    "and map stand, a verdict does not. Recalibrate the original model with --same-populations"
)
_NOT_FRONTAL = (
    "it is no frontal view of the kind that this model was trained on, perhaps a lateral one: "
    "score frontal views"
)


def _limits(
    features: list[Tensor], wrong: list[Tensor], rng: Generator
) -> Float[Tensor, " populations"]:
    """Of each population, from films that its model did not see.

    A film is compared with the population that it looks most like, so the limits of several
    populations are drawn in together until the shares hold for that comparison.

    Args:
        features, wrong: of each population's normals, as they are and with defects.
    """
    count = len(features)
    folds = [torch.randperm(len(own), generator=rng) % _FOLDS for own in features]
    distances = [torch.zeros(len(own), 2, count) for own in features]
    for fold in range(_FOLDS):
        models = [_subspace(own[of != fold]) for own, of in zip(features, folds, strict=True)]
        for own, defects, of, table in zip(features, wrong, folds, distances, strict=True):
            for column, model in enumerate(models):
                table[of == fold, 0, column] = _distance(own[of == fold], *model)
                table[of == fold, 1, column] = _distance(defects[of == fold], *model)
    alone = torch.stack([_limit(table[:, :, i]) for i, table in enumerate(distances)])
    nearest = torch.stack([_limit((table / alone).amin(2)) for table in distances])
    return alone * nearest


def _limit(distances: Float[Tensor, "n 2"]) -> Float[Tensor, ""]:
    """Lets pass the kept shares of films as they are and of films with defects."""
    as_they_are, with_defects = distances.unbind(1)
    return torch.maximum(as_they_are.quantile(_KEPT), with_defects.quantile(_KEPT_WRONG))


def _subspace(features: Tensor) -> tuple[Tensor, ...]:
    """Centre, spread, main directions, variance along and mean squared residual off them."""
    centre = features.mean(0)
    spread = features.std(0).clamp_min(_MIN_SPREAD)
    z = (features - centre) / spread
    _, singular, directions = torch.linalg.svd(z, full_matrices=False)
    rank = min(_DIRECTIONS, len(directions))
    basis = z.new_zeros(NUM_FEATURES, _DIRECTIONS)
    basis[:, :rank] = directions[:rank].T
    variance = z.new_ones(_DIRECTIONS)
    variance[:rank] = (singular[:rank].square() / len(z)).clamp_min(_MIN_SPREAD**2)
    off = (z - z @ basis @ basis.T).square().sum(1).mean().clamp_min(_MIN_SPREAD**2)
    return centre, spread, basis, variance, off


def _distance(
    features: Tensor, centre: Tensor, spread: Tensor, basis: Tensor, variance: Tensor, off: Tensor
) -> Float[Tensor, " n"]:
    z = (features - centre) / spread
    along = z @ basis
    residual = (z - along @ basis.T).square().sum(1)
    return (along.square() / variance).sum(1) + residual / off
