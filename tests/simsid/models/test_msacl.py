"""Terms of MSACL by hand, and that pre-training separates what it is meant to separate."""

import math

import pytest
import torch

from simsid.models.backbones import build_backbone
from simsid.models.msacl import CLASSES, MsaclTraining, contrastive_loss


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def training(**changes):
    return MsaclTraining(build_backbone("resnet18", (1, 2), 8), dim=16, **changes)


def test_the_contrastive_loss_is_that_of_the_paper_by_hand():
    views = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    kinds = torch.tensor([0, 1, 0, 1])
    # Each view equals its pair (cosine 1, same class) and is at right angles to the two others.
    expected = math.log(math.exp(1 / (2 * 0.5)) + 2 * math.exp(0)) - 1 / 0.5
    assert math.isclose(contrastive_loss(views, kinds, 0.5, 2.0).item(), expected, rel_tol=1e-5)


def test_calibration_softens_repulsion_within_a_class_only():
    views, one = torch.randn(8, 4), torch.zeros(8, dtype=torch.long)
    apart = torch.arange(4).repeat(2)
    plain = contrastive_loss(views, one, 0.2, 1.0)
    assert contrastive_loss(views, one, 0.2, 4.0) < plain
    unpaired = contrastive_loss(views, apart, 0.2, 1.0)
    assert torch.isclose(plain, unpaired)


def test_centres_are_set_by_the_first_batch_and_frozen():
    subject, films = training(), torch.rand(8, 1, 32, 32)
    assert not subject.centred
    subject.losses(films)
    centres = subject.centres.clone()
    assert subject.centred and centres.shape == (CLASSES, 16) and centres.abs().sum() > 0
    subject.losses(torch.rand(8, 1, 32, 32))
    assert torch.equal(subject.centres, centres)
    assert not subject.centres.requires_grad


def test_the_loss_is_the_sum_of_its_four_terms():
    losses = training().losses(torch.rand(8, 1, 32, 32))
    parts = [value for name, value in losses.items() if name != "loss"]
    assert len(parts) == 4 and torch.isclose(losses["loss"], sum(parts))


def test_every_term_reaches_the_backbone():
    subject, films = training(), torch.rand(8, 1, 32, 32)
    for name in ("centring", "contrast", "augmentation", "position"):
        subject.zero_grad()
        subject.losses(films)[name].backward()
        assert subject.backbone.conv1.weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize(("count", "size"), [(1, (32, 32)), (3, (48, 32)), (16, (33, 47))])
def test_odd_batches_and_sizes_give_finite_losses(count, size):
    assert torch.isfinite(training().losses(torch.rand(count, 1, *size))["loss"])


def test_patches_that_leave_no_room_for_neighbours_are_refused():
    with pytest.raises(ValueError, match="patch_share"):
        training(patch_share=0.5)


def test_training_brings_views_of_a_film_together_and_films_apart():
    rows = torch.linspace(0, 1, 32)
    films = 0.3 + 0.4 * rows[:, None] * rows + 0.02 * torch.rand(16, 1, 32, 32)
    subject = training()
    optimiser = torch.optim.AdamW(subject.parameters(), 3e-3)
    history = []
    for _ in range(24):
        losses = subject.losses(films)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
        history.append(losses["contrast"].item())
    assert sum(history[-4:]) < 0.8 * sum(history[:4])
