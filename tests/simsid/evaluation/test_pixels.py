from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label as components
from sklearn.metrics import roc_auc_score

from simsid.evaluation.pixels import aupro, overlap_at, pixel_metrics


def brute_force_aupro(maps: np.ndarray, masks: np.ndarray, limit: float) -> float:
    """The curve threshold by threshold, region by region, integrated up to the limit."""
    regions = []
    for index, mask in enumerate(masks):
        labelled, count = components(mask, np.ones((3, 3)))
        regions += [(index, labelled == number) for number in range(1, count + 1)]
    points = [(0.0, 0.0)]
    for threshold in np.unique(maps)[::-1]:
        found = maps >= threshold
        overlap = np.mean([found[index][region].mean() for index, region in regions])
        points.append((float(found[~masks].mean()), float(overlap)))
    fpr, overlap = np.array(points).T
    fine = np.linspace(0, limit, 200_001)
    return float(np.trapezoid(np.interp(fine, fpr, overlap), fine) / limit)


@pytest.fixture
def case() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    masks = np.zeros((3, 12, 12), bool)
    masks[0, 1:3, 1:3] = True
    masks[0, 6:11, 6:11] = True
    masks[1, 4, 4] = masks[1, 5, 5] = True  # one region, by its corner
    maps = np.round(rng.normal(size=masks.shape) + 1.2 * masks, 1)
    return maps, masks


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_aupro_equals_brute_force(case, limit):
    maps, masks = case
    expected = brute_force_aupro(maps, masks, limit)
    assert aupro(maps, masks, limit) == pytest.approx(expected, abs=2e-4)


def test_aupro_of_a_perfect_map_is_one_and_of_noise_half_the_limit():
    masks = np.zeros((8, 64, 64), bool)
    masks[:, 20:40, 20:40] = True
    assert aupro(masks.astype(float), masks) == pytest.approx(1.0)
    noise = np.random.default_rng(0).random(masks.shape)
    assert aupro(noise, masks) == pytest.approx(0.15, abs=0.02)


def test_small_and_large_regions_weigh_the_same():
    masks = np.zeros((1, 40, 40), bool)
    masks[0, 2:4, 2:4] = True
    masks[0, 10:35, 10:35] = True
    only_large = np.zeros(masks.shape)
    only_large[0, 10:35, 10:35] = 1.0
    # half the regions found without any false positive, then a straight line to (1, 1)
    assert aupro(only_large, masks) == pytest.approx(0.5 + 0.5 * 0.3 / 2)


def test_pixel_auroc_is_over_all_pixels(case):
    maps, masks = case
    got = pixel_metrics(maps, masks, threshold=0.5)
    assert got["auroc"] == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()))
    assert got["oracle_dice"] >= got["dice"]
    best = overlap_at(maps, masks, got["oracle_dice_threshold"] - 1e-9)
    assert best["dice"] == pytest.approx(got["oracle_dice"])
    assert best["iou"] == pytest.approx(got["oracle_iou"])


def test_dice_and_iou_by_hand():
    masks = np.zeros((1, 4, 4), bool)
    masks[0, 0, :4] = True
    maps = np.zeros((1, 4, 4))
    maps[0, 0, 2:] = maps[0, 1, :2] = 1.0
    got = overlap_at(maps, masks, 0.5)
    assert got == {"dice": pytest.approx(2 * 2 / 8), "iou": pytest.approx(2 / 6)}


def test_masks_without_truth_give_none():
    empty = np.zeros((2, 8, 8), bool)
    assert set(pixel_metrics(np.zeros((2, 8, 8)), empty, 0.5).values()) == {None}
    assert overlap_at(np.zeros((2, 8, 8)), empty, 0.5) == {"dice": None, "iou": None}
