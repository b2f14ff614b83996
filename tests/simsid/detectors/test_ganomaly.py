"""``ganomaly``: its two players and its score."""

from dataclasses import replace

import torch

from simsid.detectors import save_model
from simsid.detectors.ganomaly import LATENT_DISTANCE, GANomaly, GANomalyConfig
from simsid.training.fit import fit

CONFIG = GANomalyConfig((32, 32), (2, 2), channels=(4, 8), latent_dim=4)


def test_score_is_the_distance_of_the_two_codes():
    detector, images = GANomaly(CONFIG).eval(), torch.rand(3, 1, 32, 32)
    _, latent, again = detector.generator(images)
    distance = detector.evidence(images).regions[LATENT_DISTANCE]
    assert torch.allclose(distance[:, 0], (latent - again).abs().mean(1), atol=1e-6)
    assert (distance == distance[:, :1]).all()


def test_generator_loss_weighs_three_parts():
    detector = GANomaly(replace(CONFIG, adversarial=2.0, contextual=3.0, encoding=5.0)).train()
    _, losses = next(detector.training_step(torch.rand(4, 1, 32, 32), "joint"))
    parts = 2 * losses["adversarial"] + 3 * losses["contextual"] + 5 * losses["encoding"]
    assert torch.isclose(losses["loss"], parts)


def test_the_discriminator_learns_without_pulling_the_generator():
    detector = GANomaly(CONFIG).train()
    steps = detector.training_step(torch.rand(4, 1, 32, 32), "joint")
    next(steps)
    player, losses = next(steps)
    assert player == "discriminator"
    losses["loss"].backward()
    assert all(p.grad is None for p in detector.generator.parameters())
    assert next(iter(detector.discriminator.parameters())).grad.abs().sum() > 0


def test_no_discriminator_is_saved(tmp_path):
    from safetensors.torch import load_file

    from tests.simsid.training.tiny import blobs

    detector = fit(GANomaly(CONFIG), blobs(20), epochs=1, batch_size=8, device="cpu")
    save_model(detector, tmp_path / "model")
    assert not any("discriminator" in k for k in load_file(tmp_path / "model/model.safetensors"))
