import os

import pytest
import torch

from simsid.errors import TrainingError
from simsid.training.checkpoint import load_checkpoint, save_checkpoint


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"weights": torch.arange(3), "position": {"epoch": 2}})
    content = load_checkpoint(path)
    assert content["weights"].tolist() == [0, 1, 2]
    assert content["position"] == {"epoch": 2}


def test_a_save_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"epoch": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        TrainingError, match="No space left on device; the previous checkpoint is kept"
    ):
        save_checkpoint(path, {"epoch": 2})
    assert load_checkpoint(path)["epoch"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"checkpoint\.pt is damaged"):
        load_checkpoint(path)


def test_a_truncated_checkpoint_is_named(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"weights": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(TrainingError, match="is damaged"):
        load_checkpoint(path)


def test_a_missing_checkpoint_says_how_to_start(tmp_path):
    with pytest.raises(TrainingError, match="start without --resume"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    path = tmp_path / "checkpoint.pt"

    class Hostile:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "owned"),))

    torch.save({"format_version": 1, "x": Hostile()}, path)
    with pytest.raises(TrainingError, match="is damaged"):
        load_checkpoint(path)
    assert not (tmp_path / "owned").exists()
