import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from simsid.detectors import Stage
from simsid.errors import TrainingError
from simsid.training import Training, TrainingInterrupted, TrainOptions
from simsid.training.run_folder import RunFolder
from simsid.training.schedule import rate, share_epochs
from tests.simsid.training.tiny import blobs, tiny_films, tiny_simsid, tiny_squid

OPTIONS = {"epochs": 3, "batch_size": 8, "device": "cpu", "precision": "fp32", "progress": False}


def options(**changes):
    return TrainOptions(**OPTIONS | changes)


def read(folder):
    return [json.loads(line) for line in folder.metrics.read_text().splitlines()]


def stop_after(training, steps):
    """As if the user pressed Ctrl-C during that step."""
    advance = training._advance

    def counted(*details):
        training.stop.asked = training.position.total + 1 >= steps
        advance(*details)

    training._advance = counted


@pytest.mark.parametrize(
    ("make", "stop"),
    [
        *((make, 5) for make in (tiny_simsid, tiny_squid, tiny_films)),
        *(
            pytest.param(make, stop, marks=pytest.mark.slow)
            for make in (tiny_simsid, tiny_squid, tiny_films)
            for stop in (1, 8)
        ),
    ],
)
def test_a_resumed_run_is_bit_equal_to_an_uninterrupted_one(tmp_path, make, stop):
    images = blobs(32)
    with RunFolder(tmp_path / "whole") as whole:
        expected = Training(make(gumbel=0.5), images, options(), whole).run()
    with RunFolder(tmp_path / "halves") as halves:
        training = Training(make(gumbel=0.5), images, options(), halves)
        stop_after(training, stop)
        with pytest.raises(TrainingInterrupted):
            training.run()
        torch.manual_seed(12345)  # another process, another random state
        again = Training(make(gumbel=0.5), images, options(), halves)
        again.restore()
        resumed = again.run()
    assert read(whole) == read(halves)
    for name, value in expected.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_training_learns_to_rebuild_normals():
    training = Training(tiny_simsid(), blobs(56), options(epochs=8))
    training.run()
    losses = [line["generator.reconstruction"] for line in training.log]
    assert np.mean(losses[-7:]) < 0.6 * np.mean(losses[:7])


def test_the_last_good_checkpoint_survives_a_loss_that_is_not_finite(tmp_path):
    with RunFolder(tmp_path) as folder:
        training = Training(tiny_simsid(), blobs(32), options(checkpoint_seconds=0), folder)
        advance = training._advance

        def poison(*details):
            advance(*details)
            if training.position.total == 5:
                with torch.no_grad():
                    training.detector.generator.to_query.weight.fill_(float("nan"))

        training._advance = poison
        training.folder.path.mkdir(exist_ok=True)
        with pytest.raises(TrainingError, match=r"not finite at step 6 .* is kept in"):
            training.run()
        again = Training(tiny_simsid(), blobs(32), options(), folder)
        again.restore()
        assert again.position.total == 5 or again.position.total == 4


def test_a_gradient_that_is_not_finite_stops_before_the_weights_take_it():
    training = Training(tiny_simsid(), blobs(16), options(epochs=1))
    weight = training.detector.generator.to_query.weight
    weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match="gradient is not finite"):
        training.run()
    assert torch.isfinite(weight).all()


def test_a_stop_in_the_very_last_step_is_heard(tmp_path):
    with RunFolder(tmp_path) as folder:
        training = Training(tiny_simsid(), blobs(16), options(epochs=1), folder)
        save = training.save
        training.save = lambda: (save(), setattr(training.stop, "asked", True))
        with pytest.raises(TrainingInterrupted):
            training.run()
        again = Training(tiny_simsid(), blobs(16), options(epochs=1), folder)
        again.restore()
        assert again.finished


def test_a_run_is_not_resumed_on_other_data_or_settings(tmp_path):
    with RunFolder(tmp_path) as folder:
        Training(tiny_simsid(), blobs(16), options(epochs=1), folder, "ours").run()
        with pytest.raises(TrainingError, match="fingerprint ours, not theirs"):
            Training(tiny_simsid(), blobs(16), options(epochs=1), folder, "theirs").restore()
        with pytest.raises(TrainingError, match="same settings"):
            Training(tiny_simsid(), blobs(16), options(epochs=2), folder, "ours").restore()


def test_two_trainings_with_one_seed_are_equal_and_with_two_are_not():
    def final(seed):
        return Training(tiny_simsid(), blobs(16), options(epochs=1, seed=seed)).run().state_dict()

    first, second, other = final(0), final(0), final(1)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_images_there_is_no_spread_to_measure(count):
    with pytest.raises(TrainingError, match=f"{count} training images are too few"):
        Training(tiny_simsid(), blobs(count), options())


def test_normals_that_do_not_vary_are_refused():
    with pytest.raises(TrainingError, match="all 5 training images are the same picture"):
        Training(tiny_simsid(), np.repeat(blobs(1), 5, axis=0), options())


def test_epochs_are_shared_among_stages():
    stages = [Stage("teacher", 2), Stage("student", 1), Stage("discriminator", 1)]
    assert share_epochs(stages, 8) == [4, 2, 2]
    assert share_epochs(stages, 1) == [1, 1, 1]


def test_the_rate_rises_then_falls():
    rates = [rate(step, 100) for step in range(100)]
    assert max(rates) == 1.0
    assert rates[0] < 0.1
    assert rates[-1] < 0.02
    assert rates.index(1.0) < 20


KILLED = """
import sys
from simsid.training import Training, TrainOptions
from simsid.training.run_folder import RunFolder
from tests.simsid.training.tiny import blobs, tiny_simsid
folder = RunFolder(sys.argv[1])
with folder:
    training = Training(tiny_simsid(), blobs(32), TrainOptions(
        epochs=500, batch_size=8, device="cpu", precision="fp32", progress=False, checkpoint_seconds=0),
        folder)
    if folder.checkpoint.exists():
        training.restore()
    training.run()
"""


def _kill_at_random(tmp_path, times):
    rng = np.random.default_rng(0)
    folder = RunFolder(tmp_path)
    steps = []
    for _ in range(times):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=os.getcwd())
        before = folder.checkpoint.stat().st_mtime_ns if folder.checkpoint.exists() else 0
        while not folder.checkpoint.exists() or folder.checkpoint.stat().st_mtime_ns == before:
            assert process.poll() is None, "training ended by itself"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        training = Training(
            tiny_simsid(),
            blobs(32),
            TrainOptions(epochs=500, **{k: v for k, v in OPTIONS.items() if k != "epochs"}),
            folder,
        )
        training.restore()  # raises if the checkpoint is not whole
        steps.append(training.position.total)
    return steps


@pytest.mark.slow
def test_a_kill_leaves_a_loadable_checkpoint(tmp_path):
    steps = _kill_at_random(tmp_path, 1)
    assert steps[0] > 0


@pytest.mark.soak
def test_forty_kills_leave_forty_loadable_checkpoints_and_training_goes_on(tmp_path):
    steps = _kill_at_random(tmp_path, 40)
    assert steps == sorted(steps)
    assert steps[-1] > steps[0]
