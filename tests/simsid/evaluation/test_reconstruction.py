from __future__ import annotations

import numpy as np
import pytest

from simsid.evaluation.reconstruction import (
    HISTOGRAM_BINS,
    PSEUDO_COUNT,
    kl_divergence,
    mse,
    ssim,
)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)


def test_a_perfect_reconstruction_has_no_error(images):
    assert mse(images, images) == pytest.approx(0)
    assert kl_divergence(images, images) == pytest.approx(0)
    assert ssim(images, images) == pytest.approx(1)


def test_kl_follows_equation_5_2():
    original = np.zeros((1, 32, 32), np.float32)
    rebuilt = original.copy()
    rebuilt[0, :16] = 1.0
    total = 32 * 32 + HISTOGRAM_BINS * PSEUDO_COUNT
    p, q = np.full(HISTOGRAM_BINS, 1.0), np.full(HISTOGRAM_BINS, 1.0)
    p[0] += 1024
    q[0] += 512
    q[-1] += 512
    expected = np.sum(p / total * np.log(p / q))
    assert kl_divergence(original, rebuilt) == pytest.approx([expected])


def test_kl_sees_grey_levels_and_not_their_places(images):
    moved = images[:, ::-1]
    assert kl_divergence(images, moved) == pytest.approx(0)
    assert (mse(images, moved) > 0.01).all()


def test_mse_by_hand():
    original = np.zeros((1, 32, 32), np.float32)
    assert mse(original, original + 0.5) == pytest.approx([0.25])
