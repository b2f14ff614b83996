"""The adapter against a library of three lines; against anomalib itself where it is installed."""

import dataclasses
import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate.utils import set_seed
from torch import nn

from simsid.cli import run_command
from simsid.data.image_kind import FILMS, Cells
from simsid.detectors import anomalib_library, detector_class, load_model, save_model
from simsid.detectors.anomalib_adapter import adapter_class
from simsid.errors import SimsidError
from simsid.train import main
from simsid.training import Training, TrainOptions
from simsid.training.fit import fit
from simsid.training.run_folder import RunFolder
from tests.simsid.training.tiny import blobs


class Network(nn.Module):
    """Distance from a mean film; how many buffers there are is known after training only."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.register_buffer("mean", torch.empty(0))

    def forward(self, films):
        found = self.weight * (films - self.mean).square().mean(1)
        return SimpleNamespace(pred_score=found.amax((1, 2)), anomaly_map=found)


class FarFromMean(nn.Module):
    """As anomalib's Lightning modules are."""

    trainer_arguments = {"max_epochs": 1}

    def __init__(self, gain=1.0, pre_trained=True, pre_processor=True, post_processor=True,
                 evaluator=True, visualizer=True):  # fmt: skip
        super().__init__()
        assert not (post_processor or evaluator or visualizer)
        self.model, self.pre_processor, self.seen = Network(), pre_processor, []
        nn.init.constant_(self.model.weight, gain)
        self.pre_trained = pre_trained

    @staticmethod
    def configure_pre_processor(image_size):
        return lambda films: films * 2 - 1

    def training_step(self, batch, index):
        assert batch.image.shape[1:] == (3, 32, 32)
        self.seen.append(self.pre_processor(batch.image))

    def on_train_end(self):
        self.model.mean = torch.cat(self.seen).mean(0, keepdim=True)


class Forgetful(FarFromMean):
    """Keeps what it learned in an attribute."""

    def on_train_end(self):
        super().on_train_end()
        self.model.mean, self.model.kept = torch.empty(0), self.model.mean
        self.model.forward = lambda films: SimpleNamespace(
            pred_score=(films - self.model.kept).square().mean((1, 2, 3)), anomaly_map=None
        )


class Learner(FarFromMean):
    """Trained as long as the user says, from weights that it draws."""

    trainer_arguments = {"gradient_clip_val": 0}

    def __init__(self, pre_trained=True, **others):
        super().__init__(pre_trained=pre_trained, **others)
        nn.init.uniform_(self.model.weight, 1, 2)


class Stopped(Learner):
    """Ctrl-C reaches it the first time."""

    stopped = False

    def on_train_end(self):
        super().on_train_end()
        if not Stopped.stopped:
            Stopped.stopped = True
            sys.exit(1)


class Trainer:
    def __init__(self, **options):
        self.epochs = options["max_epochs"]
        assert not options["logger"] and options["devices"] == 1

    def fit(self, model, loader):
        for _ in range(self.epochs):
            for index, batch in enumerate(loader):
                model.training_step(batch, index)
        model.on_train_end()


@pytest.fixture
def library(monkeypatch):
    modules = {name: ModuleType(name) for name in
               ("anomalib", "anomalib.models", "anomalib.models.image", "anomalib.data",
                "lightning", "lightning.pytorch")}  # fmt: skip
    zoo = {cls.__name__: cls for cls in (FarFromMean, Forgetful, Learner, Stopped)}
    modules["anomalib.models.image"].__dict__.update(zoo)
    modules["anomalib.data"].ImageBatch = SimpleNamespace
    modules["lightning.pytorch"].Trainer = Trainer
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(anomalib_library, "find_spec", lambda name: object())
    adapter_class.cache_clear()
    yield
    adapter_class.cache_clear()


def build(name, **changes):
    cls = detector_class(f"anomalib:{name}")
    config = cls.config_class.preset("quick", (32, 32), Cells((2, 2)))
    return cls(dataclasses.replace(config, **changes))


def test_without_the_library_there_is_one_plain_sentence(monkeypatch, capsys):
    monkeypatch.setattr(anomalib_library, "find_spec", lambda name: None)
    adapter_class.cache_clear()
    assert run_command(lambda: main(["--model", "anomalib:patchcore"])) == 2
    error = capsys.readouterr().err
    assert "needs anomalib 2.x" in error
    assert error.count("\n") == 1


def test_a_library_model_scores_by_its_own_score_and_map(library):
    normals, film = blobs(40), blobs(1, seed=1)
    film[0, 4:8, 4:8] = 255
    detector = fit(build("far_from_mean"), normals, calibration=blobs(20, seed=2))
    prediction = detector.predict(film)
    assert prediction.p_value[0] < 0.06
    assert np.unravel_index(prediction.anomaly_map[0, 0].argmax(), (32, 32)) < (9, 9)
    assert prediction.reconstruction is None


def test_a_library_model_is_saved_and_loaded_to_the_bit(library, tmp_path):
    detector = fit(build("far_from_mean"), blobs(40))
    save_model(detector, tmp_path / "model")
    again, films = load_model(tmp_path / "model"), blobs(4, seed=3)
    assert again.name == "anomalib:far_from_mean"
    for name in ("score", "anomaly_map", "p_value"):
        assert np.array_equal(getattr(detector.predict(films), name),
                              getattr(again.predict(films), name))  # fmt: skip


def test_what_cannot_be_saved_is_said_at_the_end_of_training(library):
    with pytest.raises(SimsidError, match="outside its weights and buffers"):
        fit(build("forgetful"), blobs(40))


def test_settings_reach_the_library_and_weights_are_fetched_in_training_only(library):
    detector = build("far_from_mean", settings=(("gain", 3.0),), pre_trained=True)
    assert detector.model.model.weight.item() == 3
    assert detector.model.pre_trained is False
    assert fit(detector, blobs(40)).model.pre_trained is True


def test_epochs_and_batch_size_reach_a_model_that_takes_them(library):
    learner, once = build("learner"), build("far_from_mean")
    assert learner.unused_options() == ("precision",)
    assert once.unused_options() == ("epochs", "precision")
    for detector, batches in ((learner, 3 * 5), (once, 5)):
        fit(detector, blobs(40), calibration=blobs(20, seed=2), epochs=3, batch_size=8)
        assert [len(films) for films in detector.model.seen] == [8] * batches


@pytest.mark.parametrize("pre_trained", [False, True])
def test_seeds_differ_and_each_repeats_itself(library, pre_trained):
    def scores(seed):
        set_seed(seed)  # as the command line does before it builds
        detector = build("learner", pre_trained=pre_trained)
        torch.rand(3)  # whatever was drawn in between
        return fit(detector, blobs(40), epochs=1, seed=seed).predict(blobs(4, seed=3)).score

    assert np.array_equal(scores(0), scores(0))
    assert not np.array_equal(scores(0), scores(1))


def test_a_training_stopped_within_the_library_begins_again_and_ends_alike(library, tmp_path):
    def training(folder):
        set_seed(7)
        options = TrainOptions(epochs=2, seed=7, device="cpu")
        return Training(build("stopped", pre_trained=True), blobs(40), options, folder)

    folder = RunFolder(tmp_path)
    with folder, pytest.raises(KeyboardInterrupt):
        training(folder).run()
    resumed = training(folder)
    torch.rand(5)
    resumed.restore()
    found, whole = resumed.run().state_dict(), training(None).run().state_dict()
    assert all(torch.equal(value, whole[name]) for name, value in found.items())


@pytest.mark.parametrize("setting", [("visualizer", True), ("backbone", "hub:stranger/net")])
def test_settings_that_would_fetch_or_break_are_refused(library, setting):
    with pytest.raises(ValueError, match=setting[0]):
        build("far_from_mean", settings=(setting,))


def test_an_unknown_library_model_is_refused_and_the_known_are_named(library):
    with pytest.raises(SimsidError, match="no image model 'nonsense'; it has: farfrommean"):
        detector_class("anomalib:nonsense")


@pytest.mark.skipif(find_spec("anomalib") is None, reason="anomalib is not installed")
@pytest.mark.parametrize("name", ["patchcore", "padim", "ganomaly", "reverse_distillation"])
def test_anomalib_itself_under_the_contract(name, tmp_path):
    adapter_class.cache_clear()
    cls = detector_class(f"anomalib:{name}")
    films = blobs(40).repeat(2, axis=1).repeat(2, axis=2)

    def trained(seed):
        set_seed(seed)
        detector = cls(cls.config_class.preset("quick", (64, 64), FILMS))
        return fit(detector, films, device="cpu", epochs=1, seed=seed)

    detector = trained(0)
    save_model(detector, tmp_path / "model")
    found, again = detector.predict(films[:4]), load_model(tmp_path / "model").predict(films[:4])
    assert np.array_equal(found.score, again.score)
    assert np.array_equal(found.anomaly_map, again.anomaly_map)
    assert len(np.unique(found.score)) == 4
    assert np.array_equal(found.score, trained(0).predict(films[:4]).score)
    assert not np.array_equal(found.score, trained(1).predict(films[:4]).score)
