from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from simsid.benchmark.sweeps.perturbations import PERTURBATIONS, perturb

KINDS = list(PERTURBATIONS)


@pytest.fixture
def films() -> np.ndarray:
    films = np.full((6, 64, 64), 60, np.uint8)
    rows, cols = disk((32, 32), 15)
    films[:, rows, cols] = 180
    return films


def change(films: np.ndarray, kind: str, strength: float, seed: int = 0) -> np.ndarray:
    return perturb(films, PERTURBATIONS[kind], strength, seed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_keeps_shape_and_type_and_the_same_seed_gives_the_same_pixels(films, kind):
    for strength in PERTURBATIONS[kind].strengths:
        changed = change(films, kind, strength)
        assert changed.shape == films.shape
        assert changed.dtype == np.uint8
        assert (changed != films).any()
        assert (changed == change(films, kind, strength)).all()


@pytest.mark.parametrize(
    ("kind", "neutral"),
    [("scale", 1.0), ("shift", 0.0), ("crop", 0.0), ("exposure", 0.0), ("gamma", 1.0),
     ("contrast", 1.0), ("sharpening", 0.0), ("noise", 0.0), ("resolution", 1.0)],
)  # fmt: skip
def test_no_strength_is_no_change(films, kind, neutral):
    difference = np.abs(change(films, kind, neutral).astype(int) - films)
    assert difference.max() <= 1


def bright(films: np.ndarray) -> float:
    return float((films > 120).sum() / len(films))


def test_scale_grows_and_shrinks(films):
    assert bright(change(films, "scale", 1.2)) == pytest.approx(1.44 * bright(films), rel=0.05)
    assert bright(change(films, "scale", 0.8)) == pytest.approx(0.64 * bright(films), rel=0.05)


def test_shift_moves_by_its_share_each_film_its_own_way(films):
    rows, cols = np.mgrid[:64, :64]
    moved = change(films, "shift", 0.1)
    centres = np.array([[rows[f > 120].mean(), cols[f > 120].mean()] for f in moved]) - 32
    assert np.hypot(*centres.T) == pytest.approx(np.full(6, 6.4), abs=0.7)
    assert np.ptp(centres, axis=0).min() > 1


def test_grey_levels_move_as_they_say(films):
    assert change(films, "exposure", 0.1)[0, 0, 0] == 60 + 26  # 25.5 rounded
    assert change(films, "gamma", 0.7)[0, 0, 0] > 60
    assert np.ptp(change(films, "contrast", 0.6)) == pytest.approx(0.6 * 120, abs=2)


def test_blur_and_coarsening_soften_edges_and_sharpening_hardens_them(films):
    def steepest(images: np.ndarray) -> int:
        return int(np.abs(np.diff(images.astype(int), axis=2)).max())

    assert steepest(change(films, "blur", 1.0)) < steepest(films)
    assert steepest(change(films, "resolution", 2.0)) < steepest(films)
    assert steepest(change(films, "sharpening", 1.0)) > steepest(films)


def test_noise_has_its_deviation(films):
    difference = change(films, "noise", 0.03).astype(float) - films
    assert difference.std() / 255 == pytest.approx(0.03, rel=0.05)
