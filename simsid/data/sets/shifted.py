"""The split that does not flatter: validation normals are those that look least like the rest.

Normals are grouped by how the film as a whole looks (size of the thorax, crop, exposure), by
patient; the group that lies farthest from all others is held out. What a model says of it is what
it would say of the next hospital's normals, or nearly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Float
from scipy.cluster.vq import kmeans2

from simsid.data.film import Film
from simsid.data.films import Progress, read_pixels
from simsid.data.preprocess import Preprocessing
from simsid.data.sets.splits import Plan, by_patient
from simsid.errors import DataError

SHIFTED = "shifted"
_GROUPS = 5
_RESTARTS = 10
_DIRECTIONS = 8  # of the standardised thumbnails
_EXPOSURE = 0.5  # weight of mean grey and contrast, in units of the first direction
_LEAST = 0.08  # of the patients: a smaller group is a handful of odd films, no population
_MIN_PATIENTS = 50
_SIZE = (96, 96)
_ABNORMALS = 0.4  # of the abnormal films, where the authors' own validation part said how many


def farthest_patients(films: Sequence[Film], progress: Progress | None = None) -> list[str]:
    """Normal patients of the training side whose films look least like all others'.

    Args:
        films: on their authors' sides; patients with any abnormal film are passed over.

    Raises:
        DataError: fewer than 50 normal patients whose films can be read.
    """
    sick = {film.patient for film in films if film.label}
    side = [film for film in films if film.part != "test" and film.patient not in sick]
    patients = by_patient(side, 0)
    _refuse_few(patients)
    ordered = [film for own in patients.values() for film in own]
    read, pixels = read_pixels(ordered, Preprocessing(_SIZE), progress)
    _refuse_few(names := list(dict.fromkeys(film.patient for film in read)))
    looks, owner = _looks(pixels), np.array([film.patient for film in read])
    far = farthest_group(np.stack([looks[owner == name].mean(0) for name in names]))
    return [name for name, chosen in zip(names, far, strict=True) if chosen]


def _refuse_few(patients: Collection[str]) -> None:
    if len(patients) < _MIN_PATIENTS:
        raise DataError(
            f"{len(patients)} normal patients are too few to hold out those that look least like "
            f"the rest, at least {_MIN_PATIENTS} are needed: choose another --split"
        )


def shifted_plan(plan: Plan) -> Plan:
    """The same protocol with no normals drawn for validation."""
    abnormals = plan.validation[1] if plan.validation else _ABNORMALS
    return dataclasses.replace(plan, validation=(0, abnormals), redraw=True)


def farthest_group(looks: Float[np.ndarray, "n features"]) -> np.ndarray:
    """Mask of the group whose mean lies farthest from the mean of all others."""
    groups = _cluster(looks)
    distances = {}
    for group in range(_GROUPS):
        inside = groups == group
        if inside.sum() >= _LEAST * len(looks) and not inside.all():
            distances[group] = np.linalg.norm(looks[inside].mean(0) - looks[~inside].mean(0))
    return groups == max(distances, key=lambda group: distances[group])


def _looks(images: np.ndarray) -> Float[np.ndarray, "n features"]:
    """Main directions of the thumbnails, mean grey and contrast, on one scale."""
    import torch  # takes seconds, and a refused option needs none

    from simsid.models.film_features import film_features

    films = torch.from_numpy(images)[:, None].float() / 255
    thumbnails = film_features(films).numpy().astype(np.float64)
    centred = thumbnails - thumbnails.mean(0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    look = centred @ directions[:_DIRECTIONS].T
    look /= max(singular[0] / np.sqrt(len(look)), 1e-6)
    grey = torch.stack([films.mean((1, 2, 3)), films.std((1, 2, 3))], 1).numpy()
    spread = np.maximum(grey.std(0), 1e-6)
    return np.concatenate([look, _EXPOSURE * (grey - grey.mean(0)) / spread], 1)


def _cluster(looks: np.ndarray) -> np.ndarray:
    """k-means, the best of several starts; the same films give the same groups."""
    best, error = np.zeros(len(looks), int), np.inf
    for seed in range(_RESTARTS):
        centres, groups = kmeans2(looks, _GROUPS, seed=seed, minit="++")
        own = float(np.square(looks - centres[groups]).sum())
        if own < error and np.isfinite(own):
            best, error = groups, own
    return best
