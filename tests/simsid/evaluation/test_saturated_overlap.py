import numpy as np
import pytest

from simsid.evaluation.pixels import aupro
from simsid.evaluation.saturated_overlap import saturated_overlap


@pytest.fixture
def truth():
    """Four films of 32 pixels: two normal ones, one with two regions, one with one."""
    regions = np.zeros((4, 32, 32), np.int64)
    regions[2, 2:8, 2:8], regions[2, 20:24, 10:30] = 1, 2
    regions[3, 10:20, 5:15] = 1
    return regions


def by_definition(maps, regions, saturations, limit):
    """The curve point by point, at every threshold."""
    points = [(0.0, 0.0)]
    for threshold in np.unique(maps)[::-1]:
        found = maps >= threshold
        parts = [
            min((found[i] & (regions[i] == k)).sum() / enough, 1)
            for i, some in enumerate(saturations)
            for k, enough in enumerate(some, start=1)
        ]
        points.append((found[regions == 0].mean(), np.mean(parts)))
    fpr, overlap = np.array(points).T
    grid = np.linspace(0, limit, 200_001)
    return np.trapezoid(np.interp(grid, fpr, overlap), grid) / limit


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_it_is_the_curve_of_the_paper_at_every_threshold(truth, limit):
    maps = np.random.default_rng(0).normal(size=truth.shape).round(1) + (truth > 0)
    saturations = [(), (), (12, 80), (30,)]
    expected = by_definition(maps, truth, saturations, limit)
    assert saturated_overlap(maps, truth, saturations, limit) == pytest.approx(expected, abs=2e-4)


def test_regions_that_must_be_found_whole_give_aupro(truth):
    maps = np.random.default_rng(1).normal(size=truth.shape) + 0.5 * (truth > 0)
    whole = [(), (), (36, 80), (100,)]
    assert saturated_overlap(maps, truth, whole, 0.3) == pytest.approx(aupro(maps, truth > 0, 0.3))


def test_one_of_two_equal_digits_is_enough():
    regions = np.zeros((2, 32, 32), np.int64)
    regions[1, 4:12, 4:12] = regions[1, 4:12, 20:28] = 1
    maps = np.zeros(regions.shape)
    maps[1, 4:12, 4:12] = 1
    assert saturated_overlap(maps, regions, [(), (64,)]) == pytest.approx(1)
    assert saturated_overlap(maps, regions, [(), (128,)]) < 0.6


def test_without_regions_or_without_anything_else_there_is_no_number():
    maps = np.zeros((1, 32, 32))
    assert saturated_overlap(maps, np.zeros((1, 32, 32), int), [()]) is None
    assert saturated_overlap(maps, np.ones((1, 32, 32), int), [(5,)]) is None


@pytest.mark.parametrize("saturations", [[(), (), (12,), (30,)], [(), (), (12, 81), (30,)],
                                         [(), (), (0, 80), (30,)]])  # fmt: skip
def test_saturations_that_do_not_fit_are_refused(truth, saturations):
    with pytest.raises(ValueError, match="saturation"):
        saturated_overlap(np.zeros(truth.shape), truth, saturations)
    with pytest.raises(ValueError, match="fpr_limit"):
        saturated_overlap(np.zeros(truth.shape), truth, [(), (), (36, 80), (100,)], 0)
