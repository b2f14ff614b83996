from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from hub.__main__ import main
from hub.errors import HubError
from hub.names import parse_name
from hub.push_dataset import collect_dataset, push_dataset
from synth.cli import main as synth
from tests.synth.conftest import make_glyphs

NAME = parse_name("some/digits")
FEW = ["--train", "2", "--val", "0", "--test-normal", "1", "--test-per-kind", "1", "--cell", "16"]


def make(folder, *more):
    assert synth(["generate", "--out", str(folder), *FEW, *more]) == 0
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A set that tests leave as it is."""
    return make(
        tmp_path_factory.mktemp("made") / "set", "--generator", "2", "--layout", "webdataset"
    )


def test_a_dry_run_lists_every_file_with_its_sum_and_sends_nothing(made, capsys, monkeypatch):
    monkeypatch.setattr("hub.push_dataset.HfApi", None)
    assert main(["push-dataset", str(made), "some/digits", "--dry-run"]) == 0
    told = capsys.readouterr().out
    for name in (
        "README.md",
        "manifest.json",
        "manifest.csv",
        "contact-sheet.png",
        "test-000000.tar",
    ):
        assert name in told
    assert "would go to the data set some/digits@main; nothing was sent" in told


def test_the_card_says_how_to_load_the_set_and_under_which_terms(made):
    card = collect_dataset(made, NAME)[0].content.decode()
    assert 'load_dataset("some/digits")' in card and "license: apache-2.0" in card
    assert "**repeated** (logical)" in card and "What it is for, and what not" in card


def test_a_set_that_does_not_match_its_manifest_is_refused(made, tmp_path):
    spoilt = shutil.copytree(made, tmp_path / "set")
    (spoilt / "manifest.csv").write_text("id\n")
    with pytest.raises(HubError, match=r"manifest.csv: changed"):
        collect_dataset(spoilt, NAME)
    (spoilt / "manifest.json").unlink()
    with pytest.raises(HubError, match="not a finished data set"):
        collect_dataset(spoilt, NAME)
    with pytest.raises(HubError, match="no such folder"):
        collect_dataset(spoilt / "nowhere", NAME)


def test_glyphs_of_unknown_terms_need_the_users_word(tmp_path):
    images, labels = make_glyphs()
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    own = make(tmp_path / "own", "--digits", str(tmp_path / "mine.npz"))
    with pytest.raises(HubError, match=r"mine\.npz.*--i-may-share"):
        collect_dataset(own, NAME)
    assert collect_dataset(own, NAME, i_may_share=True)
    (tmp_path / "clinic.json").write_text(json.dumps({"hands": {"mine.npz": 1}}))
    options = ["--generator", "2", "--population", str(tmp_path / "clinic.json")]
    theirs = make(tmp_path / "theirs", *options)
    with pytest.raises(HubError, match=r"mine\.npz"):
        collect_dataset(theirs, NAME)


def test_too_many_files_are_refused_with_the_remedy(made, monkeypatch):
    monkeypatch.setattr("hub.push_dataset.MOST_FILES", 3)
    with pytest.raises(HubError, match="--layout parquet"):
        collect_dataset(made, NAME)


class RecordingApi:
    """What the real client is asked for; the stand-in server has models only."""

    calls: list = []
    private = False

    def create_repo(self, repository, **how):
        self.calls.append(("create_repo", repository, how))

    def dataset_info(self, repository):
        return self

    def create_commit(self, repository, operations, **how):
        self.calls.append(("create_commit", repository, how | {"files": operations}))
        return type("Done", (), {"oid": "c0ffee"})()


def test_a_push_is_one_commit_to_a_data_sets_repository(made, monkeypatch):
    monkeypatch.setattr("hub.push_dataset.HfApi", RecordingApi)
    monkeypatch.setattr(RecordingApi, "calls", [])
    items = collect_dataset(made, NAME)
    assert push_dataset(items, NAME) == "c0ffee"
    (_, _, made_with), (_, repository, commit) = RecordingApi.calls
    assert (
        repository == "some/digits" and made_with["repo_type"] == commit["repo_type"] == "dataset"
    )
    assert [o.path_in_repo for o in commit["files"]] == [item.name for item in items]


def test_a_public_repository_is_refused_where_private_was_asked(made, monkeypatch):
    monkeypatch.setattr("hub.push_dataset.HfApi", RecordingApi)
    monkeypatch.setattr(RecordingApi, "calls", [])
    with pytest.raises(HubError, match="is not private"):
        push_dataset(collect_dataset(made, NAME), NAME, private=True)
    assert [call[0] for call in RecordingApi.calls] == ["create_repo"]
