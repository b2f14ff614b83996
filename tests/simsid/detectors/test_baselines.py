"""The baselines that rebuild films: they learn normals, and find what is not."""

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS, Cells
from simsid.detectors.f_anogan import FAnoGAN, FAnoGANConfig
from simsid.detectors.ganomaly import GANomaly, GANomalyConfig
from simsid.detectors.mnad import MNAD, MNADConfig
from simsid.detectors.riad import RIAD, RIADConfig
from simsid.detectors.vae import VAE, VAEConfig
from simsid.training.loop import Training
from simsid.training.options import TrainOptions

SIZE = {"image_size": (32, 32), "grid_size": (2, 2)}
SMALL = {
    "vae": lambda: VAE(VAEConfig(**SIZE, channels=(8, 8, 16), latent_dim=8)),
    "mnad": lambda: MNAD(MNADConfig(**SIZE, channels=(8, 8, 16), slot_dim=8, num_slots=5)),
    "ganomaly": lambda: GANomaly(GANomalyConfig(**SIZE, channels=(8, 8, 16), latent_dim=8)),
    "riad": lambda: RIAD(RIADConfig(**SIZE, channels=(8, 8, 16), num_scales=2)),
    "f-anogan": lambda: FAnoGAN(
        FAnoGANConfig(
            **SIZE,
            channels=(8, 8, 16),
            latent_dim=8,
            learning_rate=5e-3,
            encoder_learning_rate=5e-3,
        )
    ),
}

EPOCHS = {"f-anogan": 60}  # the generator makes films of noise before it makes any of these
TRAINED = [pytest.param(name, marks=pytest.mark.slow) if name in EPOCHS else name for name in SMALL]


def train(detector, images, epochs):
    options = TrainOptions(
        epochs=epochs, batch_size=12, device="cpu", precision="fp32", progress=False
    )
    training = Training(detector, images, options)
    training.run()
    return training


@pytest.fixture(scope="module", params=TRAINED)
def training(request, data):
    torch.manual_seed(0)
    run = train(SMALL[request.param](), data.train, EPOCHS.get(request.param, 15))
    run.detector.calibrate(data.calibration)
    return run


def test_a_bright_square_scores_above_normals(training, data):
    scores, kinds = training.detector.predict(data.test.images).score, data.test.kinds
    normals, spots = scores[kinds == "normal"], scores[kinds == "spot"]
    assert (spots[:, None] > normals).mean() > 0.9


def test_the_map_is_brightest_in_the_square(training, data):
    spots = data.test.kinds == "spot"
    maps = training.detector.predict(data.test.images[spots]).anomaly_map[:, 0]
    masks = data.test.masks[spots]
    assert maps[masks].mean() > 1 + maps[~masks].mean()


def test_the_abnormal_region_scores_highest(training, data):
    spots = data.test.kinds == "spot"
    regions = training.detector.predict(data.test.images[spots]).regions
    truth = data.test.masks[spots].reshape(-1, 2, 16, 2, 16).mean((2, 4))
    hit = regions.reshape(len(regions), 4).argmax(1) == truth.reshape(len(truth), 4).argmax(1)
    assert hit.mean() > 0.8


@pytest.mark.parametrize("name", list(SMALL))
def test_training_from_one_seed_gives_one_model(name, data):
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        weights.append(train(SMALL[name](), data.train[:24], 1).detector.state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize("name", list(SMALL))
def test_presets_take_films_and_digits_and_refuse_odd_sizes(name):
    config = type(SMALL[name]().config)
    assert config.preset("quick", (96, 128), FILMS).grid_size == (3, 4)
    assert config.preset("paper", (192, 192), FILMS).grid_size == (6, 6)
    assert config.preset("quick", (96, 96), Cells((6, 6))).grid_size == (6, 6)
    with pytest.raises(ValueError, match="multiple of 16 px"):
        config.preset("quick", (100, 100), FILMS)


def test_reconstruction_is_in_the_range_of_films(training, data):
    rebuilt = training.detector.predict(data.test.images[:4]).reconstruction
    assert np.abs(rebuilt[:, 0] - data.test.images[:4] / 255.0).mean() < 0.2
