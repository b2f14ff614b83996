"""A training is planned before anything is read or built."""

import dataclasses
from pathlib import Path

import pytest

from simsid.errors import SimsidError
from simsid.train import make_parser
from simsid.training.plan import TrainPlan, prepare
from simsid.training.run_folder import RunFolder


def planned(*typed: str) -> TrainPlan:
    settings = make_parser().parse_args([*typed, "--device", "cpu"]).as_dict()
    return TrainPlan.of(settings, RunFolder("nowhere"))


def test_a_plan_reads_no_data_and_makes_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = planned("--dataset", "nih", "--data-root", "absent", "--contamination", "0.1")
    assert (plan.data.dataset, plan.data.data_root) == ("nih", "absent")
    assert plan.data.films.contamination == 0.1
    assert list(tmp_path.iterdir()) == []


def test_the_preset_says_how_many_epochs_unless_they_are_given():
    assert planned().preset_epochs
    given = planned("--epochs", "7")
    assert not given.preset_epochs and given.options.epochs == 7


def test_films_of_the_paper_preset_have_the_papers_size():
    assert planned("--dataset", "nih", "--preset", "paper").data.films.image_size == (128, 128)
    assert planned("--dataset", "nih").data.films.image_size is None


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("--model", "resnet"), "unknown model 'resnet'"),
        (("--false-alarm-rate", "0"), "--false-alarm-rate must lie between 0 and 1"),
        (("--rate-confidence", "1"), "--rate-confidence must lie between 0.5 and 1"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(typed, says):
    with pytest.raises(SimsidError, match=says):
        planned(*typed)


def test_a_prepared_plan_has_the_settings_that_were_typed(data, monkeypatch):
    plan = planned("--model", "ae", "--detector.latent_dim", "5", "--epochs", "2")
    monkeypatch.setattr(type(plan.data), "load", lambda *_: data)
    prepared = prepare(dataclasses.replace(plan, run=RunFolder(Path("nowhere"))))
    assert prepared.training.detector.config.latent_dim == 5
    assert prepared.training.options.epochs == 2 and prepared.began_from is None
