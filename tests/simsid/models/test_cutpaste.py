"""Cutting, pasting, and patches of an image."""

import pytest
import torch

from simsid.models.cutpaste import PatchClassifier, cut_paste, cut_paste_scar, random_patches


def flat_patches(count, side=32):
    """Every patch of one grey level: whatever is pasted, only the jitter shows."""
    return torch.full((count, 1, side, side), 0.5)


@pytest.mark.parametrize("paste", [cut_paste, cut_paste_scar])
def test_a_pasted_piece_changes_some_pixels_and_no_others(paste):
    torch.manual_seed(0)
    share = (paste(flat_patches(200)) != 0.5).float().mean((1, 2, 3))
    assert (share > 0).all() and (share < 0.3).all()


def test_a_rectangle_has_two_to_fifteen_percent_of_the_area():
    torch.manual_seed(0)
    share = (cut_paste(flat_patches(500, 64)) != 0.5).float().mean((1, 2, 3))
    assert share.min() > 0.01 and share.max() < 0.17
    assert 0.07 < share.mean() < 0.1


def test_the_piece_comes_from_the_same_patch():
    torch.manual_seed(0)
    patches = torch.rand(50, 1, 1, 1).expand(-1, -1, 32, 32)  # each of a level of its own
    change = (cut_paste(patches) - patches).abs().amax((1, 2, 3))
    assert change.max() <= 0.1 + 1e-5  # brightness jitter alone: nothing of other patches


def test_a_scar_is_thinner_than_a_rectangle_is():
    torch.manual_seed(0)
    areas = [(f(flat_patches(300)) != 0.5).float().mean() for f in (cut_paste, cut_paste_scar)]
    assert areas[1] < areas[0]


def test_random_patches_are_windows_of_their_image():
    torch.manual_seed(0)
    images = torch.arange(2 * 12 * 10.0).reshape(2, 1, 12, 10)
    patches = random_patches(images, side=4, count=3)
    assert patches.shape == (6, 1, 4, 4)
    for number, patch in enumerate(patches):
        corner = int(patch[0, 0, 0])
        image, row, col = corner // 120, corner % 120 // 10, corner % 10
        assert image == number % 2
        assert torch.equal(patch[0], images[image, 0, row : row + 4, col : col + 4])


def test_feature_map_has_the_features_of_each_window():
    network = PatchClassifier((4, 8), hidden=4, patch_side=16, stride=8).eval()
    images = torch.rand(2, 1, 32, 24)
    maps = network.feature_map(images)
    assert maps.shape == (2, 8, *network.positions((32, 24))) == (2, 8, 3, 2)
    alone = network(images[:, :, 16:32, 8:24])[1]
    assert torch.allclose(maps[:, :, 2, 1], alone, atol=1e-5)


def test_spread_keeps_a_constant_and_puts_a_peak_in_the_middle_of_its_patch():
    network = PatchClassifier((4, 8), hidden=4, patch_side=16, stride=8)
    assert torch.allclose(network.spread(torch.full((1, 1, 3, 3), 2.0)), torch.tensor(2.0))
    scores = torch.zeros(1, 1, 5, 5)
    scores[0, 0, 2, 3] = 1
    row, col = divmod(int(network.spread(scores).argmax()), 48)
    assert (row, col) in {(y, x) for y in range(22, 26) for x in range(30, 34)}


@pytest.mark.parametrize("size", [(36, 32), (8, 32)])
def test_images_that_the_patches_do_not_cover_are_refused(size):
    with pytest.raises(ValueError, match="do not cover"):
        PatchClassifier((4, 8), hidden=4, patch_side=16, stride=8).positions(size)
