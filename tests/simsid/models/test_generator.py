import pytest
import torch
import torch.nn.functional as F

from simsid.detectors.simsid import SimSID
from simsid.detectors.simsid_config import SimSIDConfig
from simsid.detectors.squid import SQUID, SQUIDConfig
from simsid.models.losses import (
    discriminator_loss,
    distillation_loss,
    own_region,
    region_log_posterior,
)

SMALL = {"image_size": (48, 48), "grid_size": (3, 3), "num_slots": 12, "top_k": 3, "slot_dim": 16}


def small_simsid(**changes):
    torch.manual_seed(0)
    config = {
        "channels": (8, 16),
        "decoder_channels": (4, 8),
        "signature_dim": 16,
        "scoring_slots": 6,
    }
    return SimSID(SimSIDConfig(**SMALL | config | changes))


def small_squid(**changes):
    torch.manual_seed(0)
    config = {"base_channels": 4, "num_levels": 2, "convs_per_level": 1}
    return SQUID(SQUIDConfig(**SMALL | config | changes))


@pytest.mark.parametrize("make", [small_simsid, small_squid])
def test_every_output_has_its_shape(make):
    out = make().generator(torch.rand(2, 1, 48, 48))
    assert out.query.shape == out.memory_features.shape == out.inpainted.shape == (2, 9, 16)
    assert out.weights.shape == (2, 9, 12)
    assert out.student.shape == out.teacher.shape == (2, 1, 48, 48)
    assert [f.shape for f in out.student_features] == [f.shape for f in out.teacher_features]


def test_the_teacher_rests_in_evaluation():
    out = small_simsid().eval().generator(torch.rand(2, 1, 48, 48))
    assert out.teacher is None


@pytest.mark.parametrize("make", [small_simsid, small_squid])
def test_evaluation_is_deterministic(make):
    generator, images = make().eval().generator, torch.rand(2, 1, 48, 48)
    assert torch.equal(generator(images).student, generator(images).student)


def test_what_stands_in_one_patch_does_not_reach_another_ones_query():
    generator = small_simsid().eval().generator
    images = torch.rand(1, 1, 48, 48)
    changed = images.clone()
    changed[..., :16, :16] = 0
    before, after = generator.encode(images)[0], generator.encode(changed)[0]
    assert not torch.allclose(before[0, 0], after[0, 0])
    assert torch.allclose(before[0, 1:], after[0, 1:], atol=1e-5)


def test_reconstruction_in_evaluation_is_made_of_slots_only():
    """With top-1 reading, two patches that fall on one slot are rebuilt alike."""
    generator = small_simsid(top_k=1, num_slots=1).eval().generator
    a, b = generator(torch.rand(1, 1, 48, 48)), generator(torch.rand(1, 1, 48, 48))
    assert torch.allclose(a.student, b.student, atol=1e-6)


def test_queues_take_in_one_entry_for_each_image_after_the_step():
    squid = small_squid()
    for _, losses in squid.training_step(torch.rand(5, 1, 48, 48), "joint"):
        losses["loss"].backward()
    assert squid.generator.memory.pointer == 5
    assert [m.memory.pointer.item() for m in squid.generator.decoder_memories] == [5]


def test_the_generators_turn_leaves_the_discriminator_without_gradient():
    simsid = small_simsid()
    turns = simsid.training_step(torch.rand(2, 1, 48, 48), "joint")
    _, losses = next(turns)
    losses["loss"].backward()
    assert all(p.grad is None for p in simsid.discriminator.parameters())
    assert all(p.requires_grad for p in simsid.discriminator.parameters())


def test_distillation_stops_at_the_teacher_unless_told():
    student = [torch.randn(2, 3, requires_grad=True)]
    teacher = [torch.randn(2, 3, requires_grad=True)]
    distillation_loss(student, teacher).backward()
    assert teacher[0].grad is None
    distillation_loss(student, teacher, stop_gradient=False).backward()
    assert teacher[0].grad is not None


def test_discriminator_loss_is_the_reports_formula():
    real, fake = torch.randn(6), torch.randn(6)
    expected = -(F.logsigmoid(real).mean() + torch.log(1 - fake.sigmoid()).mean())
    assert torch.allclose(discriminator_loss(real, fake), expected, atol=1e-6)


def test_the_region_posterior_is_a_distribution_that_knows_its_region():
    slots = F.normalize(torch.randn(4, 3, 16, generator=torch.Generator().manual_seed(3)), dim=-1)
    posterior = region_log_posterior(slots[:, 0][None], slots, scale=30.0)
    assert torch.allclose(posterior.exp().sum(-1), torch.ones(1, 4), atol=1e-5)
    assert own_region(posterior).exp().min() > 0.9


@pytest.mark.parametrize(
    "changes",
    [{"inpainting": False}, {"distillation": False}, {"shrink_threshold": 0.01}, {"gumbel": 1.0}],
)
@pytest.mark.parametrize("make", [small_simsid, small_squid])
def test_each_ablation_trains_a_step(make, changes):
    detector = make(**changes)
    players = [
        player
        for player, losses in detector.training_step(torch.rand(2, 1, 48, 48), "joint")
        if losses["loss"].backward() is None
    ]
    assert players == ["generator", "discriminator"]
