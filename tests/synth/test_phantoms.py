"""Chest phantoms: laid out like a film, the same for the same seed, changed only where it is said."""

import numpy as np
import pytest

from synth.errors import SynthError
from synth.phantoms import KINDS, chest_phantom


def drawn(kind, seed=0, side=128):
    return chest_phantom(kind, np.random.default_rng(seed), side)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_and_another_another(kind):
    image, mask = drawn(kind)
    again, same = drawn(kind)
    assert image.dtype == np.uint8 and image.shape == mask.shape == (128, 128)
    assert np.array_equal(image, again) and np.array_equal(mask, same)
    assert not np.array_equal(image, drawn(kind, 1)[0])


@pytest.mark.parametrize("seed", range(8))
def test_it_is_laid_out_like_a_frontal_chest(seed):
    image = drawn("normal", seed)[0].astype(float)
    left, spine, right = image[50, 32], image[50:60, 64].mean(), image[50, 96]
    assert spine > 1.5 * max(left, right)  # lungs are dark beside it
    assert image[:10, :8].max() < 30  # and nothing is beside the neck
    below, beside = image[112:120, 28:40].mean(), image[45:55, 28:40].mean()
    assert below > 1.5 * beside  # the belly
    assert image[75:82, 72:78].mean() > image[75:82, 36:42].mean() + 30  # the heart


@pytest.mark.parametrize("kind", ["opacity", "nodule", "effusion"])
@pytest.mark.parametrize("seed", range(4))
def test_a_change_is_lighter_within_one_lung_and_marked(kind, seed):
    image, mask = drawn(kind, seed)
    plain, nothing = drawn("normal", seed)
    assert not nothing.any() and 10 < mask.sum() < 0.15 * mask.size
    columns = np.nonzero(mask)[1]
    assert columns.max() < 64 or columns.min() > 64
    assert image[mask].mean() > plain[mask].mean() + 10


@pytest.mark.parametrize("seed", range(4))
def test_patches_lie_in_both_lungs_and_not_on_the_heart(seed):
    image, mask = drawn("patchy", seed)
    plain, _ = drawn("normal", seed)
    columns = np.nonzero(mask)[1]
    assert columns.min() < 50 and columns.max() > 78
    assert 0.03 < mask.mean() < 0.2
    assert image[mask].mean() > plain[mask].mean() + 10
    assert plain[mask].mean() < plain[75:82, 72:78].mean() - 30  # where there was air, no heart


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(SynthError, match="normal, opacity, nodule, effusion"):
        drawn("fracture")
    with pytest.raises(SynthError, match="at least 32"):
        drawn("normal", side=16)
