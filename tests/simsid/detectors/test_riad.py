"""``riad``: masks drawn in training, fixed in scoring."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simsid.detectors.riad import GRADIENT, RIAD, RIADConfig
from simsid.models.riad import gradient_dissimilarity, inpaint
from simsid.training.fit import fit

CONFIG = RIADConfig((32, 32), (2, 2), channels=(4, 8), cell_sizes=(2, 4), num_scales=2)


def test_masks_are_the_same_in_every_detector_and_go_with_the_weights():
    first = RIAD(CONFIG)
    torch.manual_seed(99)
    assert torch.equal(first.masks, RIAD(CONFIG).masks)
    assert "masks" in first.state_dict() and first.masks.dtype == torch.uint8


def test_training_draws_other_masks_at_each_step():
    detector, images = RIAD(CONFIG).eval(), torch.rand(2, 1, 32, 32)
    (_, first), (_, second) = (next(detector.training_step(images, "joint")) for _ in range(2))
    assert first["loss"] != second["loss"]


def test_evidence_averages_the_dissimilarity_over_cell_sizes():
    detector = RIAD(CONFIG).eval()
    detector.sigma = 0.0
    images = torch.rand(2, 1, 32, 32)
    maps = [
        gradient_dissimilarity(inpaint(detector.network, images, part_of, 3), images, 2)
        for part_of in detector.masks
    ]
    evidence = detector.evidence(images)
    assert torch.allclose(evidence.pixels[GRADIENT], (maps[0] + maps[1]) / 2, atol=1e-6)
    top = evidence.pixels[GRADIENT][:, 0, :16, 16:].amax((1, 2))
    assert torch.equal(evidence.regions[GRADIENT][:, 1], top)


def test_loss_is_the_sum_of_three_parts():
    detector = RIAD(replace(CONFIG, gradient=2.0, similarity=3.0)).train()
    _, losses = next(detector.training_step(torch.rand(2, 1, 32, 32), "joint"))
    parts = losses["reconstruction"] + 2 * losses["gradient"] + 3 * losses["similarity"]
    assert torch.isclose(losses["loss"], parts)


def test_fused_map_is_that_of_the_gradients(data):
    detector = fit(RIAD(CONFIG), data.train[:24], epochs=1, batch_size=8, device="cpu")
    fused, named = (detector.predict(data.test.images[:2], s) for s in (None, GRADIENT))
    assert np.array_equal(fused.anomaly_map, named.anomaly_map)


@pytest.mark.parametrize(
    "change", [{"parts": 1}, {"cell_sizes": ()}, {"cell_sizes": (0, 4)}, {"num_scales": 0}]
)
def test_settings_that_cut_nothing_out_are_refused(change):
    with pytest.raises(ValueError, match=r"must lie|positive"):
        RIAD(replace(CONFIG, **change))
