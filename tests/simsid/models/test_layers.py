import torch

from simsid.models.jitter import jitter_patches
from simsid.models.layers import BatchNorm2d, standardise


def test_batch_norm_with_one_rank_is_torchs():
    ours, theirs = BatchNorm2d(4), torch.nn.BatchNorm2d(4)
    x = torch.randn(3, 4, 5, 5)
    assert torch.equal(ours(x), theirs(x))


def test_standardised_images_do_not_know_exposure_and_contrast():
    images = torch.rand(2, 1, 16, 16)
    assert torch.allclose(standardise(images), standardise(0.3 * images + 0.5), atol=0.05)


def test_jitter_moves_patches_and_keeps_range():
    images = torch.rand(4, 1, 32, 32)
    moved = jitter_patches(images, (2, 2), 0.3, 0.2, 0.1)
    assert moved.shape == images.shape
    assert not torch.equal(moved, images)
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_no_jitter_leaves_the_image():
    images = torch.rand(2, 1, 32, 32)
    assert torch.allclose(jitter_patches(images, (2, 2), 0.0, 0.0, 0.0), images, atol=1e-5)


def test_jitter_never_carries_a_patch_into_its_neighbour():
    images = torch.zeros(8, 1, 32, 32)
    images[:, :, :16, :16] = 1.0
    moved = jitter_patches(images, (2, 2), 0.3, 0.5, 0.2)
    assert moved[:, :, 16:].max() == 0
    assert moved[:, :, :, 16:].max() == 0
