"""Trained on 64 anatomies, every detector finds missing digits better than before it saw any."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from simsid.detectors import detector_class, detector_names
from simsid.training import Training, TrainOptions
from synth import DigitAnatomy

EPOCHS = {"simsid": 30, "squid": 30, "riad": 20, "igd": 40, "msacl-igd": 40}  # of slower ones
LEAST_GAIN = 0.01


@pytest.fixture(scope="module")
def anatomies():
    source = DigitAnatomy()

    def images(split, kind, count):
        return np.stack([source.sample(split, kind, index).image for index in range(count)])

    test = np.concatenate([images("test", "normal", 100), images("test", "missing", 100)])
    return images("train", "normal", 64), images("val", "normal", 20), test


def build(name, size):
    torch.manual_seed(0)
    cls = detector_class(name)
    return cls(cls.config_class.preset("quick", size, (3, 3)))


def found(detector, calibration, test):
    """AUROC of the default score, missing digits against normals."""
    detector.calibrate(calibration)
    return roc_auc_score(np.arange(200) >= 100, detector.predict(test).score)


@pytest.mark.slow
@pytest.mark.parametrize("name", detector_names())
def test_training_beats_the_untrained_self_on_missing_digits(name, anatomies, record_property):
    train, calibration, test = anatomies
    size = train.shape[1:]
    untrained = found(build(name, size).eval(), calibration, test)
    detector = build(name, size)
    options = TrainOptions(epochs=EPOCHS.get(name, 60), device="cpu", progress=False)
    Training(detector, train, options).run()
    trained = found(detector, calibration, test)
    record_property("untrained", round(untrained, 3))
    record_property("trained", round(trained, 3))
    assert trained > untrained + LEAST_GAIN, f"{trained:.3f} trained, {untrained:.3f} untrained"
