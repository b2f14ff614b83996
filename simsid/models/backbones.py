"""Feature extractors for methods that compare features: a ResNet of one's own, or a known one.

Building never fetches anything, so that a model folder cannot make its reader do so: pretrained
weights are fetched by ``simsid.detectors.pretrained`` when a detector is trained.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from simsid.errors import SimsidError
from simsid.models.layers import BatchNorm2d, standardise

OWN = "resnet18"
_MOST_LAYERS = 4
# Blocks of each layer, whether they are bottlenecks, groups, width of a group: as torchvision has
# them, so that its weights fit.
_RESNETS: dict[str, tuple[tuple[int, int, int, int], bool, int, int]] = {
    "resnet18": ((2, 2, 2, 2), False, 1, 64),
    "resnet34": ((3, 4, 6, 3), False, 1, 64),
    "resnet50": ((3, 4, 6, 3), True, 1, 64),
    "resnet101": ((3, 4, 23, 3), True, 1, 64),
    "resnext50_32x4d": ((3, 4, 6, 3), True, 32, 4),
    "wide_resnet50_2": ((3, 4, 6, 3), True, 1, 128),
    "wide_resnet101_2": ((3, 4, 23, 3), True, 1, 128),
}
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A network that gives several feature maps.

    Attributes:
        name: as ``build_backbone`` takes it.
        layers: ascending; layer l has a stride of 2 to the power of l + 1.
        channels: of each map.
        strides: pixels for each step in a map; maps of odd sizes round up.
    """

    def __init__(self, name: str, layers: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        self.name, self.layers = name, tuple(layers)
        self.channels = tuple(channels)
        self.strides = tuple(2 ** (layer + 1) for layer in layers)

    @property
    def pretrained(self) -> bool:
        """Whether its weights are to be fetched rather than learned."""
        return self.name != OWN

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        """Feature maps of images in [0, 1], one for each of ``layers``."""
        raise NotImplementedError


class _Shortcut(nn.Conv2d):
    """1x1 convolution with a stride; of few channels, places are left out first.

    With fewer than 8 channels, the last axis in memory, torch 2.14 writes beyond its memory on
    processors without AVX-512, in the gradient of a strided 1x1 convolution.
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.in_channels >= 8:
            return super().forward(input)
        rows, cols = self.stride
        return F.conv2d(input[:, :, ::rows, ::cols], self.weight)


class ResNet(Backbone):
    """Residual network, as deep as the last of ``layers``. Source: He et al., CVPR 2016.

    Modules are named as in torchvision, whose blocks these are.

    Relative to the paper: the kind that is learned from radiographs takes one channel, of zero
    mean and unit variance for each image, so that exposure drops out; the others take grey as
    red, green and blue, in the units of ImageNet.
    """

    def __init__(self, name: str, layers: Sequence[int], width: int = 64) -> None:
        from torchvision.models.resnet import BasicBlock, Bottleneck  # slow to import

        depths, bottleneck, groups, group_width = _RESNETS[name.removeprefix("torchvision:")]
        block: Any = Bottleneck if bottleneck else BasicBlock
        channels = [width * 2 ** (layer - 1) * block.expansion for layer in layers]
        super().__init__(name, layers, channels)
        self.conv1 = nn.Conv2d(3 if self.pretrained else 1, width, 7, 2, 3, bias=False)
        self.bn1, self.relu = BatchNorm2d(width), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before = width
        for layer in range(1, max(layers) + 1):
            planes, blocks = width * 2 ** (layer - 1), []
            for number in range(depths[layer - 1]):
                stride = 2 if layer > 1 and number == 0 else 1
                after = planes * block.expansion
                shortcut = None
                if stride != 1 or before != after:
                    shortcut = nn.Sequential(
                        _Shortcut(before, after, 1, stride, bias=False), BatchNorm2d(after)
                    )
                blocks.append(
                    block(before, planes, stride, shortcut, groups, group_width, 1, BatchNorm2d)
                )
                before = after
            self.add_module(f"layer{layer}", nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        x = as_imagenet(images) if self.pretrained else standardise(images)
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        maps = []
        for layer in range(1, max(self.layers) + 1):
            x = self.get_submodule(f"layer{layer}")(x)
            if layer in self.layers:
                maps.append(x)
        return maps


class TimmBackbone(Backbone):
    """Any convolutional network of timm whose maps are halved from one layer to the next."""

    def __init__(self, name: str, layers: Sequence[int]) -> None:
        timm, model = _timm(name), name.removeprefix("timm:")
        with torch.device("meta"):  # timm builds all of it, then drops what lies behind the last
            whole = timm.create_model(model, pretrained=False, features_only=True)
            strides = whole.feature_info.reduction()
            if missing := [layer for layer in layers if 2 ** (layer + 1) not in strides]:
                raise SimsidError(
                    f"'{name}' has no feature map of stride {2 ** (missing[0] + 1)}: it has "
                    f"{strides}; choose a convolutional network, as timm:resnet50"
                )
            indices = tuple(strides.index(2 ** (layer + 1)) for layer in layers)
            body = timm.create_model(
                model, pretrained=False, features_only=True, out_indices=indices
            )
        super().__init__(name, layers, body.feature_info.channels())
        if set(dict(body.named_buffers())) - set(body.state_dict()):
            raise SimsidError(
                f"'{name}' keeps numbers that a model folder would not hold: choose another"
            )
        self.indices = indices
        self.body = body.to_empty(device="cpu")  # only what is kept takes memory
        for value in self.body.parameters():
            nn.init.zeros_(value)
        for module in self.body.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        return list(self.body(as_imagenet(images)))


def build_backbone(name: str, layers: Sequence[int], width: int = 64) -> Backbone:
    """A feature extractor with random weights; nothing is fetched.

    Args:
        name: 'resnet18', one's own with one input channel, to be trained; 'torchvision:NAME', a
            ResNet; 'timm:NAME', a convolutional network of that optional package.
        layers: whose maps are wanted, ascending, within 1 to 4: strides of 4, 8, 16 and 32 px.
        width: channels of layer 1 of 'resnet18'; the others have theirs.

    Raises:
        SimsidError: an unknown name, or timm is not installed; the message says what to do.
        ValueError: layers or width that cannot be.
    """
    if (
        not layers
        or not 1 <= min(layers) <= max(layers) <= _MOST_LAYERS
        or list(layers) != sorted(set(layers))
    ):
        raise ValueError(f"layers must ascend within 1 to {_MOST_LAYERS}, not {tuple(layers)}")
    if width < 1:
        raise ValueError(f"width must be positive, not {width}")
    if name == OWN:
        return ResNet(name, layers, width)
    kind, _, model = name.partition(":")
    if kind == "torchvision" and model in _RESNETS:
        return ResNet(name, layers)
    if kind == "torchvision":
        raise SimsidError(f"unknown backbone '{name}'; of torchvision: {', '.join(_RESNETS)}")
    if kind == "timm":
        return TimmBackbone(name, layers)
    raise SimsidError(
        f"unknown backbone '{name}'; choose '{OWN}', 'torchvision:NAME' or 'timm:NAME'"
    )


def as_imagenet(
    images: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch 3 height width"]:
    """Grey in [0, 1] as red, green and blue in the units that networks of ImageNet expect."""
    mean, std = images.new_tensor(_IMAGENET_MEAN), images.new_tensor(_IMAGENET_STD)
    return (images - mean[:, None, None]) / std[:, None, None]


def _timm(name: str) -> Any:
    """The package, if it knows this network by a plain name: others would be looked up online."""
    try:
        import timm
    except ImportError as error:
        raise SimsidError(
            f"the backbone '{name}' needs the package timm: pip install timm, or choose '{OWN}'"
        ) from error
    model = name.removeprefix("timm:")
    if not re.fullmatch(r"[A-Za-z0-9_]+", model) or not timm.is_model(model):
        raise SimsidError(f"timm has no network '{model[:80]}': see timm.list_models()")
    return timm
