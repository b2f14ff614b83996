"""``ae`` and ``memae``: they learn normals, find what is not, and are saved whole."""

import numpy as np
import pytest

from simsid.data.image_kind import FILMS, Cells
from simsid.detectors import save_model
from simsid.detectors.ae import AutoencoderConfig, AutoencoderDetector
from simsid.detectors.memae import MemAE, MemAEConfig
from simsid.detectors.model_folder import load_model
from simsid.training.loop import Training
from simsid.training.options import TrainOptions

SMALL = {
    "ae": AutoencoderDetector(
        AutoencoderConfig((32, 32), (2, 2), channels=(8, 8, 16), latent_dim=8)
    ),
    "memae": MemAE(MemAEConfig((32, 32), (2, 2), channels=(8, 8, 16), slot_dim=8, num_slots=20)),
}


@pytest.fixture(scope="module", params=list(SMALL))
def training(request, data) -> Training:
    options = TrainOptions(epochs=20, batch_size=12, device="cpu", precision="fp32", progress=False)
    run = Training(type(SMALL[request.param])(SMALL[request.param].config), data.train, options)
    run.run()
    run.detector.calibrate(data.calibration)
    return run


def test_reconstruction_error_falls(training):
    losses = [row["autoencoder.loss"] for row in training.log]
    assert np.mean(losses[-5:]) < 0.3 * np.mean(losses[:5])


def test_a_bright_square_scores_above_normals(training, data):
    scores, kinds = training.detector.predict(data.test.images).score, data.test.kinds
    normals, spots = scores[kinds == "normal"], scores[kinds == "spot"]
    assert (spots[:, None] > normals).mean() > 0.9


def test_the_map_is_brightest_in_the_square(training, data):
    spots = data.test.kinds == "spot"
    maps = training.detector.predict(data.test.images[spots]).anomaly_map[:, 0]
    masks = data.test.masks[spots]
    assert maps[masks].mean() > 2 + maps[~masks].mean()


def test_model_folder_gives_bit_equal_predictions(training, data, tmp_path):
    save_model(training.detector, tmp_path / "model")
    ours = training.detector.predict(data.test.images)
    theirs = load_model(tmp_path / "model").predict(data.test.images)
    assert np.array_equal(ours.anomaly_map, theirs.anomaly_map)
    assert all(np.array_equal(ours.scores[name], theirs.scores[name]) for name in ours.scores)


@pytest.mark.parametrize("config", [AutoencoderConfig, MemAEConfig])
def test_preset_derives_regions_of_32_px_and_refuses_odd_sizes(config):
    assert config.preset("quick", (96, 128), FILMS).grid_size == (3, 4)
    assert config.preset("paper", (112, 96), FILMS).grid_size == (7, 3)
    assert config.preset("quick", (96, 96), Cells((6, 6))).grid_size == (6, 6)
    with pytest.raises(ValueError, match="multiple of 16 px"):
        config.preset("quick", (100, 100), FILMS)
    with pytest.raises(ValueError, match="'quick' or 'paper'"):
        config.preset("best", (96, 96), FILMS)


def test_memae_reports_the_entropy_of_its_addressing(data):
    detector = SMALL["memae"].train()
    ((_, losses),) = detector.training_step(detector.as_batch(data.train[:4]), "joint")
    assert set(losses) == {"loss", "reconstruction", "entropy"}
    assert losses["loss"] > losses["reconstruction"]
