"""The parts of the interpolated Gaussian descriptor."""

import pytest
import torch

from simsid.models.backbones import build_backbone
from simsid.models.igd import (
    Critic,
    GaussianDescriptor,
    InterpolatedGaussian,
    corners,
    random_patches,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def model():
    return InterpolatedGaussian(build_backbone("resnet18", (2,), 4), (32, 32), 8, (4, 8))


def test_the_descriptor_is_centred_by_the_first_batch_and_falls_with_distance():
    descriptor = GaussianDescriptor(4)
    latent = torch.randn(64, 4) + 3
    descriptor.follow(latent)
    centre = descriptor.centre.clone()
    assert torch.allclose(centre, latent.mean(0))
    descriptor.follow(latent + 1)
    assert torch.equal(descriptor.centre, centre)
    near, far = descriptor(centre[None]), descriptor(centre[None] + 5)
    assert near == 1 and 0 <= far < 0.1


def test_the_critic_learns_how_much_was_mixed_in():
    critic = Critic((4, 8))
    images = torch.rand(4, 1, 32, 32)
    share = torch.full((4, 1), 0.5)
    untold = critic.loss(images, images, images, share)
    assert torch.isfinite(untold) and untold > 0


def test_terms_add_up_and_reach_encoder_and_decoder():
    subject, critic = model(), Critic((4, 8))
    terms, judged = subject.losses(torch.rand(4, 1, 32, 32), critic, 0.15, 0.1)
    terms["loss"].backward(retain_graph=True)
    for part in (subject.backbone.conv1, subject.to_latent, subject.decoder.head):
        assert part.weight.grad.abs().sum() > 0
    critic.zero_grad()
    subject.zero_grad()
    judged.backward()
    assert critic.head.weight.grad.abs().sum() > 0
    assert subject.to_latent.weight.grad is None, "the critic's loss moves the critic alone"


def test_an_altered_place_is_dissimilar_there_and_not_elsewhere():
    images = torch.rand(1, 1, 64, 64).cumsum(3) / 64
    altered = images.clone()
    altered[:, :, 24:40, 24:40] = 0
    found = model().dissimilarity(altered, images, 0.15)
    assert found[..., 28:36, 28:36].mean() > 5 * found[..., :8, :8].mean()


def test_patches_are_pieces_of_their_images():
    images = torch.rand(2, 1, 48, 32)
    patches = random_patches(images, 16)
    assert patches.shape[1:] == (1, 16, 16) and len(patches) in (2, 4, 6, 8, 12)
    windows = images.unfold(2, 16, 1).unfold(3, 16, 1).flatten(0, 3)
    assert all((windows == patch).all((1, 2)).any() for patch in patches[:, 0])


@pytest.mark.parametrize(("length", "side"), [(96, 32), (40, 32), (32, 32), (48, 31)])
def test_corners_cover_the_whole_length(length, side):
    covered = {pixel for start in corners(length, side) for pixel in range(start, start + side)}
    assert covered == set(range(length))
