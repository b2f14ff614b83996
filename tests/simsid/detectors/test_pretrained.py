"""Known backbones: fetched in training from the cache or the network, never when a folder is read."""

import json
import socket
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from simsid.data.image_kind import Cells
from simsid.detectors import detector_class, load_model, patch_memory, save_model
from simsid.detectors.patchcore import PatchCore, PatchCoreConfig
from simsid.detectors.pretrained import load_pretrained
from simsid.errors import ModelFolderError, SimsidError
from simsid.models.backbones import build_backbone
from simsid.training.fit import fit
from tests.hub.server import stand_in_hub
from tests.simsid.training.tiny import blobs

SIZE = (32, 32)


@pytest.fixture(params=["torchvision:resnet18", "timm:resnet18", "timm:test_vit"])
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
    with pytest.raises(SimsidError) as caught:
        load_pretrained(build_backbone(name, (1, 2)))
    told = str(caught.value)
    file = {
        "torchvision:resnet18": "resnet18-f37072fd.pth",
        "timm:resnet18": "timm/resnet18.a1_in1k/model.safetensors",
        "timm:test_vit": "timm/test_vit.r160_in1k/model.safetensors",
    }[name]
    assert f"'{name}', {file}, are not in the cache and cannot be fetched" in told
    assert "train once where there is a network" in told and "\n" not in told


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


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in Hub that the real client talks to, and an empty cache."""
    with stand_in_hub() as running:
        template = running.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.endpoint)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield running


@pytest.mark.parametrize("repository", ["", "someone/chest-films"])
def test_weights_of_a_transformer_come_from_the_hub_once(hub, repository, monkeypatch):
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("test_vit").state_dict()  # small, random
    stored = repository or "timm/test_vit.r160_in1k"
    hub.add(stored, {"model.safetensors": save(theirs)})
    name = "timm:test_vit" + (f"@{repository}" if repository else "")
    ours = build_backbone(name, (1, 2))
    load_pretrained(ours)
    kept = ours.body.state_dict()
    assert len(ours.body.blocks) == 3 and "head.weight" not in kept
    assert all(torch.equal(value, theirs[key]) for key, value in kept.items())
    asked = len(hub.requests)
    again = build_backbone(name, (1, 2))
    load_pretrained(again)  # from the cache
    assert len(hub.requests) == asked
    assert torch.equal(again.body.pos_embed, theirs["pos_embed"])


@pytest.mark.parametrize("content", ["other", "wider", "no safetensors"])
def test_a_repository_with_other_weights_is_one_sentence(hub, content):
    timm = pytest.importorskip("timm")
    state = timm.create_model("test_vit2" if content == "other" else "test_vit").state_dict()
    if content == "wider":
        state["norm.weight"] = torch.ones(65)
    stored = content.encode() if content == "no safetensors" else save(state)
    hub.add("someone/other", {"model.safetensors": stored})
    told = r"someone/other/model\.safetensors (does not hold weights of test_vit|is no safetensors)"
    with pytest.raises(SimsidError, match=told) as caught:
        load_pretrained(build_backbone("timm:test_vit@someone/other", (1,)))
    assert "\n" not in str(caught.value)


def test_a_repository_that_is_not_there_is_one_sentence(hub):
    pytest.importorskip("timm")
    with pytest.raises(
        SimsidError, match=r"someone/nothing/model\.safetensors, are not in the cache"
    ):
        load_pretrained(build_backbone("timm:test_vit@someone/nothing", (1,)))


@pytest.mark.parametrize("model", ["patchcore", "region-patchcore", "padim"])
def test_tokens_are_the_features_of_every_method_that_compares_them(hub, model, tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    state = timm.create_model("test_vit").state_dict()
    hub.add("timm/test_vit.r160_in1k", {"model.safetensors": save(state)})
    config = detector_class(model).config_class.preset("quick", (64, 64), Cells((2, 2)))
    detector = detector_class(model)(replace(config, backbone="timm:test_vit", layers=(2, 3)))
    films = blobs(12).repeat(2, 1).repeat(2, 2)
    save_model(fit(detector, films, device="cpu"), tmp_path / "model")
    spoiled = films[:2].copy()
    spoiled[1, 8:24, 40:56] = 255
    loaded = load_model(tmp_path / "model")
    prediction = loaded.predict(spoiled)
    before = loaded.predict(films[:2]).score  # a random network: it need not call this abnormal
    assert prediction.score[0] == before[0] and abs(prediction.score[1] - before[1]) > 1e-3
    assert np.array_equal(prediction.score, detector.predict(spoiled).score)


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


def test_units_stay_those_that_a_model_was_fitted_with(monkeypatch, tmp_path):
    """A model of before kept none: ImageNet's stood for all networks, whatever timm says of one."""
    pytest.importorskip("timm")
    monkeypatch.setattr("simsid.detectors.padim.load_pretrained", lambda backbone: None)
    config = detector_class("padim").config_class.preset("quick", (64, 64), Cells((2, 2)))
    config = replace(config, backbone="timm:efficientnet_b1", layers=(2, 3), dimensions=8)
    detector = detector_class("padim")(config)
    with torch.no_grad():
        for weights in detector.backbone.parameters():
            weights.normal_(0, 0.05) if weights.dim() > 1 else None
    films = blobs(12).repeat(2, 1).repeat(2, 2)
    save_model(fit(detector, films, device="cpu"), tmp_path / "now")
    scores = detector.predict(films[:2]).score
    assert detector.backbone.units.tolist() == [[0.5] * 3] * 2
    monkeypatch.setattr(
        "simsid.models.backbones._described",
        lambda _: SimpleNamespace(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
    )  # another timm
    assert np.array_equal(load_model(tmp_path / "now").predict(films[:2]).score, scores)
    detector.backbone.take_units_of_imagenet()
    scores = detector.predict(films[:2]).score
    save_model(detector, tmp_path / "before")
    assert "backbone.units" not in load_file(tmp_path / "before" / "model.safetensors")
    before = load_model(tmp_path / "before")
    assert before.backbone.has_units_of_imagenet
    assert np.array_equal(before.predict(films[:2]).score, scores)
