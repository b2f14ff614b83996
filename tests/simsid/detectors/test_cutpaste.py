"""``cutpaste``: it learns to notice pasted pieces, and scores by density at each place."""

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS
from simsid.detectors import save_model
from simsid.detectors.cutpaste import CutPaste, CutPasteConfig
from simsid.models.cutpaste import cut_paste
from tests.simsid.detectors.test_baselines import train

CONFIG = CutPasteConfig((32, 32), (2, 2), channels=(8, 16, 16), hidden=16, patch_side=16, stride=8)


@pytest.fixture(scope="module")
def training(data):
    torch.manual_seed(0)
    run = train(CutPaste(CONFIG), data.train, 12)
    run.detector.calibrate(data.calibration)
    return run


def test_it_learns_to_tell_the_three_kinds_apart(training):
    correct = [row["classifier.correct"] for row in training.log]
    assert np.mean(correct[-10:]) > 0.38  # by chance a third


def test_a_bright_square_scores_above_normals_and_in_its_place(training, data):
    prediction, kinds = training.detector.predict(data.test.images), data.test.kinds
    spots = kinds == "spot"
    assert (prediction.score[spots][:, None] > prediction.score[kinds == "normal"]).mean() > 0.9
    maps, masks = prediction.anomaly_map[spots][:, 0], data.test.masks[spots]
    assert maps[masks].mean() > 1 + maps[~masks].mean()


def test_a_film_with_a_piece_of_itself_elsewhere_scores_higher(training, data):
    torch.manual_seed(1)
    normals = training.detector.as_batch(data.calibration)
    before = training.detector.predict(normals).score
    after = training.detector.predict(cut_paste(normals)).score
    assert (after > before).mean() > 0.7


def test_the_map_is_that_of_the_density_and_there_is_no_reconstruction(training, data):
    fused = training.detector.predict(data.test.images[:3])
    named = training.detector.predict(data.test.images[:3], score="density")
    assert np.array_equal(fused.anomaly_map, named.anomaly_map)
    assert fused.reconstruction is None


def test_no_head_is_saved(training, tmp_path):
    from safetensors.torch import load_file

    save_model(training.detector, tmp_path / "model")
    assert not any(".head." in name for name in load_file(tmp_path / "model/model.safetensors"))


def test_preset_takes_larger_patches_in_larger_films_and_refuses_odd_sizes():
    assert CutPasteConfig.preset("quick", (96, 96), FILMS).patch_side == 32
    assert CutPasteConfig.preset("paper", (192, 192), FILMS).patch_side == 64
    smallest = CutPasteConfig.preset("quick", (32, 32), FILMS)
    assert CutPaste(smallest).gaussian.size == (3, 3)
    with pytest.raises(ValueError, match="multiple of 16 px"):
        CutPasteConfig.preset("quick", (100, 96), FILMS)
    with pytest.raises(ValueError, match="at least 32"):
        CutPasteConfig.preset("quick", (16, 16), FILMS)
