"""Backbones: maps where they are promised, known weights fit, nothing is ever fetched."""

import socket
import sys

import pytest
import torch

from simsid.errors import SimsidError
from simsid.models.backbones import _Shortcut, build_backbone
from simsid.models.patch_features import PatchFeatures, smooth
from simsid.models.statistics import settle_statistics


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a backbone reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", ["resnet18", "torchvision:resnet50", "timm:resnet18"])
def test_maps_have_the_channels_and_strides_that_are_told(name):
    if name.startswith("timm"):
        pytest.importorskip("timm")
    backbone = build_backbone(name, (1, 3), width=8).eval()
    maps = backbone(torch.rand(2, 1, 72, 64))
    for features, channels, stride in zip(maps, backbone.channels, backbone.strides, strict=True):
        assert features.shape == (2, channels, -(-72 // stride), 64 // stride)


@pytest.mark.parametrize(
    "name", ["test_vit", "vit_small_patch14_dinov2", "vit_small_patch16_dinov3"]
)
def test_tokens_of_a_transformer_are_maps_of_one_stride(name):
    pytest.importorskip("timm")
    backbone = build_backbone(f"timm:{name}", (2, 3)).eval()
    with torch.no_grad():
        maps = backbone(torch.rand(1, 1, 68, 64))
    assert backbone.strides == (8, 8)
    for features, channels in zip(maps, backbone.channels, strict=True):
        assert features.shape == (1, channels, 9, 8) and torch.isfinite(features).all()


def test_a_token_says_what_stands_at_its_place():
    pytest.importorskip("timm")
    torch.manual_seed(0)
    backbone = build_backbone("timm:test_vit", (1,)).eval()
    image = torch.zeros(1, 1, 64, 64)
    marked = image.clone()
    marked[..., 40:48, 8:16] = 1
    with torch.no_grad():
        change = (backbone(marked)[0] - backbone(image)[0]).norm(dim=1)[0]
    assert divmod(int(change.argmax()), 8) == (5, 1)


def test_tokens_are_those_of_timm_itself():
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("test_vit", num_classes=0, dynamic_img_size=True).eval()
    ours = build_backbone("timm:test_vit", (4,)).eval()
    ours.body.load_state_dict(theirs.state_dict())
    image = torch.rand(1, 1, 32, 32)
    enlarged = torch.nn.functional.interpolate(image, (64, 64), mode="bilinear")
    with torch.no_grad():
        wanted = theirs.forward_features((enlarged.repeat(1, 3, 1, 1) - 0.5) / 0.5)
        found = ours(image)[0].flatten(2).transpose(1, 2)
    assert torch.allclose(found, wanted[:, theirs.num_prefix_tokens :], atol=1e-5)


def test_a_transformer_is_no_deeper_than_it_must_be():
    pytest.importorskip("timm")
    assert len(build_backbone("timm:test_vit", (1, 2)).body.blocks) == 3  # of 6


def test_without_timm_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(SimsidError) as caught:
        build_backbone("timm:vit_small_patch14_dinov2", (2, 3))
    assert str(caught.value) == (
        "the backbone 'timm:vit_small_patch14_dinov2' needs the package timm: pip install timm, or "
        "choose 'resnet18'"
    )


def test_every_film_counts_alike_in_settled_statistics():
    films = torch.rand(9, 1, 64, 64)
    films[8, :, :32] *= 0.1
    whole, parts = (build_backbone("resnet18", (1,), 8) for _ in range(2))
    parts.load_state_dict(whole.state_dict())
    settle_statistics(whole, [films])
    settle_statistics(parts, films.split(8))
    # Of the first layer, which sees the same either way.
    assert torch.allclose(whole.bn1.running_mean, parts.bn1.running_mean, atol=1e-4)


def test_it_is_no_deeper_than_it_must_be():
    names = [name for name, _ in build_backbone("resnet18", (1, 2), 8).named_children()]
    assert "layer2" in names and "layer3" not in names


def test_a_named_resnet_computes_what_torchvision_computes():
    from torchvision.models import resnet18

    theirs = resnet18(weights=None).eval()
    ours = build_backbone("torchvision:resnet18", (2,)).eval()
    assert not ours.load_state_dict(theirs.state_dict(), strict=False).missing_keys
    image = torch.rand(1, 1, 64, 64)
    colours = (image - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    )[:, None, None]
    x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(colours))))
    wanted = theirs.layer2(theirs.layer1(x))
    assert torch.allclose(ours(image)[0], wanted, atol=1e-4)


def test_ones_own_backbone_does_not_see_exposure():
    backbone = build_backbone("resnet18", (1,), 8).eval()
    image = torch.rand(1, 1, 32, 32)
    assert torch.allclose(backbone(image)[0], backbone(0.5 * image + 0.2)[0], atol=0.05)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet17", "timm:NAME"),
        ("torchvision:alexnet", "wide_resnet50_2"),
        ("timm:hf-hub:someone/model", "timm has no network"),
        ("timm:local-dir:/etc", "timm has no network"),
        ("timm:resnet1800", "timm has no network"),
        ("timm:resnet18.nonsense", "timm has no weights"),
        ("timm:test_vit@/etc/passwd", "no repository of the Hub"),
        ("timm:test_vit@someone/..", "no repository of the Hub"),
    ],
)
def test_names_that_cannot_be_are_refused_in_words(name, message):
    with pytest.raises(SimsidError, match=message):
        build_backbone(name, (2, 3))


@pytest.mark.parametrize("layers", [(), (0, 1), (2, 5), (3, 2), (2, 2)])
def test_layers_that_cannot_be_are_refused(layers):
    with pytest.raises(ValueError, match="layers"):
        build_backbone("resnet18", layers)


def test_features_of_a_place_are_local_means_of_all_maps():
    features = PatchFeatures(build_backbone("resnet18", (1, 2), 4)).eval()
    image = torch.rand(1, 1, 32, 32)
    joined, first = features(image), features.backbone(image)[0]
    assert joined.shape == (1, features.dim, *features.size_for((32, 32)))
    assert torch.allclose(joined[0, :4, 3, 3], first[0, :, 2:5, 2:5].mean((1, 2)), atol=1e-5)


def test_smoothing_keeps_a_constant_and_spreads_a_peak():
    assert torch.allclose(smooth(torch.full((1, 1, 4, 4), 3.0), (32, 32), 2.0), torch.tensor(3.0))
    peak = torch.zeros(1, 1, 9, 9)
    peak[..., 4, 4] = 1
    spread = smooth(peak, (72, 72), 3.0)
    assert spread.argmax() // 72 in (35, 36) and spread.max() < 1
    assert torch.equal(smooth(peak, (9, 9), 0.0), peak)


def test_a_narrow_shortcut_is_the_convolution_that_it_stands_for():
    torch.manual_seed(0)
    shortcut = _Shortcut(4, 8, 1, 2, bias=False)
    maps = torch.randn(2, 4, 5, 8, requires_grad=True)
    plain = torch.nn.functional.conv2d(maps, shortcut.weight, stride=2)
    assert torch.allclose(shortcut(maps), plain, atol=1e-6)
