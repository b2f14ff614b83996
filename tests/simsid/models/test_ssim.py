"""Structural similarity, at one scale and at several, against scikit-image's."""

import pytest
import torch
from skimage.metrics import structural_similarity

from simsid.models.ssim import dissimilarity_map, ms_ssim, reversed_ssim


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_reversed_ssim_is_that_of_scikit_image():
    one = torch.rand(1, 1, 16, 16).repeat_interleave(4, 2).repeat_interleave(4, 3)
    other = (one + 0.1 * torch.rand(1, 1, 64, 64)).clamp(0, 1)
    _, whole = structural_similarity(
        one[0, 0].numpy(), other[0, 0].numpy(), data_range=1, win_size=7,
        use_sample_covariance=False, full=True,
    )  # fmt: skip
    wanted = 1 - whole[3:-3, 3:-3].mean()
    assert reversed_ssim(one, other).item() == pytest.approx(wanted, abs=1e-4)
    assert reversed_ssim(one, one).item() == pytest.approx(0, abs=1e-5)


def test_ms_ssim_is_one_for_equals_and_falls_with_noise():
    images = torch.rand(3, 1, 48, 48)
    assert torch.allclose(ms_ssim(images, images), torch.ones(3), atol=1e-4)
    little, much = (images + level * torch.randn_like(images) for level in (0.05, 0.5))
    assert (ms_ssim(images, little) > ms_ssim(images, much)).all()


def test_structure_is_that_of_scikit_image():
    first = torch.rand(1, 1, 16, 16).repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :21, :21]
    second = (first + 0.1 * torch.randn_like(first)).clamp(0, 1)
    ours = 1 - dissimilarity_map(first, second)[0, 0, 5:-5, 5:-5]  # 21 px: one scale
    theirs = structural_similarity(
        first[0, 0].numpy(), second[0, 0].numpy(), data_range=1.0, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False, full=True,
    )[1][5:-5, 5:-5]  # fmt: skip
    assert torch.allclose(ours, torch.tensor(theirs, dtype=torch.float32), atol=2e-3)
