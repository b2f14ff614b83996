"""Known backbones: fetched in training from the cache or the network, never when a folder is read."""

import json
import socket
from dataclasses import replace

import numpy as np
import pytest
import torch

from simsid.data.image_kind import Cells
from simsid.detectors import load_model, patch_memory, save_model
from simsid.detectors.patchcore import PatchCore, PatchCoreConfig
from simsid.detectors.pretrained import load_pretrained
from simsid.errors import ModelFolderError, SimsidError
from simsid.models.backbones import build_backbone
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs

SIZE = (32, 32)


@pytest.fixture(params=["torchvision:resnet18", "timm:resnet18"])
def name(request):
    if request.param.startswith("timm"):
        pytest.importorskip("timm")
    return request.param


@pytest.fixture
def offline(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_ones_own_backbone_asks_for_nothing(offline):
    load_pretrained(build_backbone("resnet18", (1,), 4))


def test_weights_that_cannot_be_had_are_one_sentence(offline, name):
    with pytest.raises(SimsidError, match=f"'{name}' are not in the cache and cannot be fetched"):
        load_pretrained(build_backbone(name, (1, 2)))


def test_weights_in_the_cache_need_no_network(offline, tmp_path):
    from torchvision.models import resnet18

    theirs = resnet18(weights=None)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(theirs.state_dict(), folder / "resnet18-f37072fd.pth")
    ours = build_backbone("torchvision:resnet18", (1,))
    load_pretrained(ours)
    assert torch.equal(ours.conv1.weight, theirs.conv1.weight)


def test_a_folder_of_a_known_backbone_needs_no_network(offline, name, monkeypatch, tmp_path):
    monkeypatch.setattr(patch_memory, "load_pretrained", lambda backbone: None)
    config = PatchCoreConfig.preset("quick", SIZE, Cells((2, 2)))
    detector = PatchCore(replace(config, backbone=name, layers=(1, 2)))
    save_model(fit(detector, blobs(12), device="cpu"), tmp_path / "model")
    again = load_model(tmp_path / "model")
    images = blobs(3, seed=1)
    assert np.array_equal(again.predict(images).score, detector.predict(images).score)


@pytest.mark.parametrize("backbone", ["timm:hf-hub:someone/model", "timm:local-dir:/etc"])
def test_a_folder_cannot_name_a_backbone_elsewhere(offline, tmp_path, backbone):
    config = PatchCoreConfig.preset("quick", SIZE, Cells((2, 2)))
    detector = PatchCore(replace(config, width=4, layers=(1,), pretraining=False))
    save_model(fit(detector, blobs(12), device="cpu"), tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    described = json.loads(path.read_text())
    described["config"]["backbone"] = backbone
    path.write_text(json.dumps(described))
    with pytest.raises(ModelFolderError, match="timm"):
        load_model(tmp_path / "model")
