"""``--init-from``: a run begins where another ended."""

import pytest
import torch

from simsid.data.image_kind import FILMS
from simsid.detectors import detector_class, save_model
from simsid.detectors.ae import AutoencoderConfig, AutoencoderDetector
from simsid.errors import TrainingError
from simsid.train import main
from simsid.training.fit import fit
from simsid.training.transfer import begin_from
from synth.__main__ import main as synth
from tests.simsid.training.tiny import blobs

CONFIG = AutoencoderConfig((32, 32), (2, 2), channels=(4, 8), latent_dim=8)


def built(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    return AutoencoderDetector(config)


@pytest.fixture
def pretrained(tmp_path):
    detector = fit(built(), blobs(24), epochs=1, batch_size=8, device="cpu")
    detector.facts = {"data": {"name": "blobs"}, "data_fingerprint": "abc"}
    save_model(detector, tmp_path / "first" / "model")
    return detector, tmp_path / "first"


def test_weights_and_running_statistics_are_those_of_the_other_run(pretrained):
    first, folder = pretrained
    second = built(seed=1)
    assert begin_from(second, folder) == {"data": "blobs", "data_fingerprint": "abc"}
    state = second.autoencoder.state_dict()
    for name, value in first.autoencoder.state_dict().items():
        assert torch.equal(state[name], value), name
    assert not second.is_calibrated


def test_fine_tuning_begins_with_a_smaller_loss(pretrained):
    first, folder = pretrained
    films = first.as_batch(blobs(8, seed=3))
    losses = []
    for detector in (built(seed=1), built(seed=1)):
        if losses:
            begin_from(detector, folder)
        detector.eval()
        _, loss = next(detector.training_step(films, "joint"))
        losses.append(float(loss["loss"].detach()))
    assert losses[1] < losses[0]


def test_all_networks_of_the_gan_localiser_go_along(tmp_path):
    cls = detector_class("gan-localiser")
    config = cls.config_class(
        (32, 32), (2, 2), channels=(4, 8), latent_dim=8, localiser_channels=(4, 8)
    )
    first = fit(cls(config), blobs(12), epochs=3, batch_size=6, device="cpu")
    save_model(first, tmp_path / "model")
    second = cls(config)
    begin_from(second, tmp_path / "model")
    for part in ("generator", "critic", "encoder", "localiser"):
        own = getattr(second, part).state_dict()
        for name, value in getattr(first, part).state_dict().items():
            assert torch.equal(own[name], value), name


def test_another_method_or_another_size_is_refused_with_both_named(pretrained):
    _, folder = pretrained
    wider = built(AutoencoderConfig((32, 32), (2, 2), channels=(8, 16), latent_dim=8))
    with pytest.raises(TrainingError, match=r"has shape \(4, .*\), here it is \(8, "):
        begin_from(wider, folder)
    memae = detector_class("memae")
    other = memae(memae.config_class.preset("quick", (64, 64), FILMS))
    with pytest.raises(TrainingError, match="holds a 'ae', and a 'memae' is to be trained"):
        begin_from(other, folder)


def test_a_method_that_learns_no_weights_says_so(tmp_path):
    cls = detector_class("mean-grey")
    detector = fit(cls(cls.config_class((32, 32), (2, 2))), blobs(12))
    save_model(detector, tmp_path / "model")
    with pytest.raises(TrainingError, match="learns no weights"):
        begin_from(detector, tmp_path / "model")


def test_the_command_line_begins_from_a_run_and_its_model_says_so(tmp_path, capsys):
    synth(["generate", "--out", str(tmp_path / "set"), "--train", "24", "--val", "48",
           "--test-normal", "4", "--test-per-kind", "2"])  # fmt: skip
    common = ["--data-root", str(tmp_path / "set"), "--model", "ae", "--epochs", "1",
              "--report", "false", "--device", "cpu"]  # fmt: skip
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert main([*common, "--run", first]) == 0
    assert main([*common, "--run", second, "--init-from", first]) == 0
    assert f"beginning with the weights of {first}" in capsys.readouterr().out
    assert main(["--run", second, "--resume", "--report", "false"]) == 0
