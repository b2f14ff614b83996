"""``--init-from``: a run begins where another ended."""

import pytest
import torch
from PIL import Image

from simsid.data.image_kind import FILMS
from simsid.detectors import detector_class, save_model
from simsid.detectors.ae import AutoencoderConfig, AutoencoderDetector
from simsid.errors import SimsidError, TrainingError
from simsid.train import main, make_parser
from simsid.training.fit import fit
from simsid.training.plan import TrainPlan, prepare
from simsid.training.run_folder import RunFolder
from simsid.training.transfer import begin_from, starting_model
from synth.__main__ import main as synth
from tests.simsid.training.tiny import blobs

CONFIG = AutoencoderConfig((32, 32), (2, 2), channels=(4, 8), latent_dim=8)


def built(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    return AutoencoderDetector(config)


def begun(detector, folder):
    return begin_from(detector, starting_model(type(detector), folder), folder)


def large(count):
    return blobs(count).repeat(6, axis=1).repeat(6, axis=2)


@pytest.fixture
def pretrained(tmp_path):
    detector = fit(built(), blobs(24), epochs=1, batch_size=8, device="cpu")
    detector.facts = {"data": {"name": "blobs"}, "data_fingerprint": "abc"}
    save_model(detector, tmp_path / "first" / "model")
    return detector, tmp_path / "first"


def test_weights_and_running_statistics_are_those_of_the_other_run(pretrained):
    first, folder = pretrained
    second = built(seed=1)
    assert begun(second, folder) == {"data": "blobs", "data_fingerprint": "abc"}
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
            begun(detector, folder)
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
    begun(second, tmp_path / "model")
    for part in ("generator", "critic", "encoder", "localiser"):
        own = getattr(second, part).state_dict()
        for name, value in getattr(first, part).state_dict().items():
            assert torch.equal(own[name], value), name


def test_another_method_or_another_size_is_refused_with_both_named(pretrained):
    _, folder = pretrained
    wider = built(AutoencoderConfig((32, 32), (2, 2), channels=(8, 16), latent_dim=8))
    with pytest.raises(TrainingError, match=r"has shape \(4, .*\), here it is \(8, "):
        begun(wider, folder)
    memae = detector_class("memae")
    other = memae(memae.config_class.preset("quick", (64, 64), FILMS))
    with pytest.raises(TrainingError, match="holds a 'ae', and a 'memae' is to be trained"):
        begun(other, folder)


def test_a_method_that_learns_no_weights_says_so(tmp_path):
    cls = detector_class("mean-grey")
    detector = fit(cls(cls.config_class((32, 32), (2, 2))), blobs(12))
    save_model(detector, tmp_path / "model")
    with pytest.raises(TrainingError, match="learns no weights"):
        begun(detector, tmp_path / "model")


@pytest.mark.slow
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


def test_lesion_networks_begin_with_the_running_means_that_a_model_folder_holds():
    cls = detector_class("simsid")
    chest = starting_model(cls, "bundled:chest")
    torch.manual_seed(1)
    second = cls(chest.config)
    begin_from(second, chest, "bundled:chest")
    learned = chest.lesions.averages.state_dict()
    for name, value in second.lesions.learners.state_dict().items():
        assert torch.equal(value, learned[name]), name
    assert int(second.lesions.steps) == int(chest.lesions.steps) > 0


def test_a_training_takes_sizes_and_preparation_from_the_model_that_it_begins_with(tmp_path):
    for index, film in enumerate(blobs(24)):
        folder = tmp_path / "set" / "train" / "good"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((film * 255).astype("uint8")).save(folder / f"{index}.png")
    options = make_parser().parse_args(
        ["--dataset", "folder", "--data-root", str(tmp_path / "set"), "--grid", "none",
         "--preset", "paper", "--init-from", "bundled:chest", "--run", str(tmp_path / "run")]
    )  # fmt: skip
    plan = TrainPlan.of(options.as_dict(), RunFolder(tmp_path / "run"))
    prepared = prepare(plan)
    assert prepared.data.image_size == (192, 192)
    assert prepared.training.detector.config.lesion_members == 2
    assert prepared.began_from == {
        "data": "zhanglab,nih",
        "data_fingerprint": "f4e64e5da3e5aca9",
    }


def test_images_of_another_size_than_the_model_takes_are_refused(tmp_path):
    options = make_parser().parse_args(
        ["--init-from", "bundled:chest", "--run", str(tmp_path / "run")]
    )
    plan = TrainPlan.of(options.as_dict(), RunFolder(tmp_path / "run"))
    with pytest.raises(SimsidError, match="takes images of 192x192 px, and these have 96x96"):
        prepare(plan)


def test_too_few_normals_widen_the_look_that_the_model_to_begin_with_knew():
    cls = detector_class("simsid")
    chest = starting_model(cls, "bundled:chest")
    second = cls(chest.config)
    begin_from(second, chest, "bundled:chest")
    films = second.as_batch(large(24))
    before = chest.population.distances(films).amin(1)
    assert (before > 1).all()  # blobs are no chests
    second.set_populations(lambda: iter([films]))
    assert (second.population.distances(films).amin(1) <= 1).float().mean() > 0.9
    assert torch.equal(second.population.centre, chest.population.centre)
    assert (chest.population.distances(films).amin(1) == before).all()  # the source stays


def test_enough_normals_learn_a_look_of_their_own():
    cls = detector_class("simsid")
    chest = starting_model(cls, "bundled:chest")
    second = cls(chest.config)
    begin_from(second, chest, "bundled:chest")
    films = second.as_batch(large(60))
    second.set_populations(lambda: iter([films]))
    assert second.population.num_populations == 1
