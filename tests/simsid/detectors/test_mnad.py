"""``mnad``: its memory follows training and rests in scoring."""

import torch

from simsid.detectors.mnad import MNAD, SLOT_DISTANCE, MNADConfig

CONFIG = MNADConfig((32, 32), (2, 2), channels=(4, 8, 8), slot_dim=6, num_slots=4)


def test_the_memory_follows_after_the_step_and_not_before():
    detector = MNAD(CONFIG).train()
    before = detector.autoencoder.memory.slots.clone()
    steps = detector.training_step(torch.rand(4, 1, 32, 32), "joint")
    next(steps)
    assert torch.equal(detector.autoencoder.memory.slots, before)
    assert next(steps, None) is None
    assert not torch.equal(detector.autoencoder.memory.slots, before)


def test_scores_do_not_depend_on_the_order_of_films():
    detector, images = MNAD(CONFIG).eval(), torch.rand(6, 1, 32, 32)
    forth = detector.evidence(images).regions[SLOT_DISTANCE]
    back = detector.evidence(images.flip(0)).regions[SLOT_DISTANCE].flip(0)
    assert torch.allclose(forth, back, atol=1e-6)


def test_a_region_tells_the_distances_of_its_own_positions():
    detector, images = MNAD(CONFIG).eval(), torch.rand(2, 1, 32, 32)
    _, queries = detector.autoencoder(images)
    distance = detector.autoencoder.memory.nearest(queries)[0].reshape(2, 4, 4)
    regions = detector.evidence(images).regions[SLOT_DISTANCE]
    assert torch.allclose(regions[:, 1], distance[:, :2, 2:].mean((1, 2)), atol=1e-6)


def test_loss_is_reconstruction_plus_the_weighted_feature_losses():
    detector = MNAD(CONFIG).train()
    ((_, losses),) = detector.training_step(torch.rand(4, 1, 32, 32), "joint")
    total = losses["reconstruction"] + 0.1 * losses["compactness"] + 0.1 * losses["separateness"]
    assert torch.isclose(losses["loss"], total)
