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
from simsid.models.strided import Conv2d

OWN = "resnet18"
_MOST_LAYERS = 4
_TOKEN_PIXELS = 8  # of an image, to a token of a transformer
_MODEL = r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?"
_REPOSITORY = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"
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
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A network that gives several feature maps.

    Attributes:
        name: as ``build_backbone`` takes it.
        layers: ascending; layer l has a stride of 2 to the power of l + 1, unless ``strides`` says
            else.
        channels: of each map.
        strides: pixels for each step in a map; maps of odd sizes round up.
    """

    def __init__(
        self,
        name: str,
        layers: Sequence[int],
        channels: Sequence[int],
        strides: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.layers = name, tuple(layers)
        self.channels = tuple(channels)
        self.strides = tuple(strides or (2 ** (layer + 1) for layer in layers))

    @property
    def pretrained(self) -> bool:
        """Whether its weights are to be fetched rather than learned."""
        return self.name != OWN

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        """Feature maps of images in [0, 1], one for each of ``layers``."""
        raise NotImplementedError


class _Shortcut(Conv2d):
    """1x1 convolution with a stride; of few channels, places are left out first.

    With fewer than 8 channels, the last axis in memory, torch 2.14 writes beyond its memory on
    processors without AVX-512, in the gradient of a strided 1x1 convolution.
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.in_channels >= 8:
            return super().forward(input)
        rows, cols = self.stride
        return F.conv2d(input[:, :, ::rows, ::cols], self.weight)


def _trained_asleep(block: nn.Module) -> nn.Module:
    """The block with its strided convolution as :class:`Conv2d`, of which torchvision knows none."""
    for name, layer in block.named_children():
        if type(layer) is nn.Conv2d and layer.stride != (1, 1):
            kind = [layer.in_channels, layer.out_channels, layer.kernel_size]
            steps = [layer.stride, layer.padding, layer.dilation, layer.groups]
            setattr(block, name, nn.utils.skip_init(Conv2d, *kind, *steps, bias=False))
    return block


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
        self.conv1 = Conv2d(3 if self.pretrained else 1, width, 7, 2, 3, bias=False)
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
                made = block(before, planes, stride, shortcut, groups, group_width, 1, BatchNorm2d)
                blocks.append(_trained_asleep(made) if stride > 1 else made)
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
    """A network of timm.

    Attributes:
        architecture: its name in timm. repository: of its weights on the Hub; '' for timm's own.
        units: (2, 3) means and deviations of the colours that it expects; kept with its weights, since
            those of ImageNet stood for all networks once, and timm's change with its versions.
        arguments: with which ``timm.create_model`` makes what ``body`` is a part of.
    """

    architecture: str
    repository: str
    units: Tensor
    arguments: dict[str, Any]
    body: Any

    def _know(self, name: str) -> None:
        """Take what timm says of this network; after ``__init__``, as modules must be."""
        self.architecture, self.repository = split_timm(name)
        described = _described(name)
        self.register_buffer("units", torch.tensor([described.mean, described.std]))

    def prepared(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Grey as red, green and blue in the units of this network."""
        return in_units(images, self.units)

    @property
    def has_units_of_imagenet(self) -> bool:
        """Whether the units are those of all networks of models from before units were kept."""
        return torch.equal(self.units, self.units.new_tensor(_IMAGENET))

    def take_units_of_imagenet(self) -> None:
        """For the weights of a model that did not keep units."""
        self.units.copy_(self.units.new_tensor(_IMAGENET))


class TimmConvolutions(TimmBackbone):
    """Any convolutional network of timm whose maps are halved from one layer to the next."""

    def __init__(self, name: str, layers: Sequence[int]) -> None:
        timm, (model, _) = _timm(name), split_timm(name)
        with torch.device("meta"):  # timm builds all of it, then drops what lies behind the last
            whole = timm.create_model(model, pretrained=False, features_only=True)
            strides = whole.feature_info.reduction()
            if missing := [layer for layer in layers if 2 ** (layer + 1) not in strides]:
                raise SimsidError(
                    f"'{name}' has no feature map of stride {2 ** (missing[0] + 1)}: it has "
                    f"{strides}; choose another convolutional network, as timm:resnet50, or a "
                    "vision transformer, as timm:vit_small_patch14_dinov2"
                )
            indices = tuple(strides.index(2 ** (layer + 1)) for layer in layers)
            body = timm.create_model(
                model, pretrained=False, features_only=True, out_indices=indices
            )
        super().__init__(name, layers, body.feature_info.channels())
        self._know(name)
        if set(dict(body.named_buffers())) - set(body.state_dict()):
            raise SimsidError(
                f"'{name}' keeps numbers that a model folder would not hold: choose another"
            )
        self.arguments = {"features_only": True, "out_indices": indices}
        self.body = body.to_empty(device="cpu")  # only what is kept takes memory
        for value in self.body.parameters():
            nn.init.zeros_(value)
        for module in self.body.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        return list(self.body(self.prepared(images)))


class TimmTokens(TimmBackbone):
    """A vision transformer of timm; the tokens of places, in rows and columns, are its maps.

    Layer l of 1 to 4 is what stands after l quarters of its blocks, behind its last norm. Images
    are enlarged until a token covers 8 of their pixels, so all maps have a stride of 8.

    Source: Damm et al., 'AnomalyDINO', WACV 2025, who compare tokens of the last block, of images
    that are enlarged alike.
    """

    def __init__(self, name: str, layers: Sequence[int]) -> None:
        timm, (model, _) = _timm(name), split_timm(name)
        with torch.device("meta"):
            whole = timm.create_model(model, pretrained=False, num_classes=0)
        blocks = len(whole.blocks)
        after = [-(-blocks * layer // _MOST_LAYERS) for layer in layers]
        strides = (_TOKEN_PIXELS,) * len(layers)
        super().__init__(name, layers, (whole.embed_dim,) * len(layers), strides)
        self._know(name)
        self.arguments = {"num_classes": 0, "dynamic_img_size": True}
        self.indices = [number - 1 for number in after]
        self.patch = whole.patch_embed.patch_size
        # As deep as it must be: what a model folder does not hold is never built.
        self.body = timm.create_model(model, pretrained=False, depth=after[-1], **self.arguments)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        rows, cols = (-(-side // _TOKEN_PIXELS) for side in images.shape[2:])
        size = rows * self.patch[0], cols * self.patch[1]
        enlarged = F.interpolate(images, size, mode="bilinear")
        maps: list[Tensor] = self.body.forward_intermediates(
            self.prepared(enlarged),
            indices=self.indices,
            norm=True,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        return maps


def build_backbone(name: str, layers: Sequence[int], width: int = 64) -> Backbone:
    """A feature extractor with random weights; nothing is fetched.

    Args:
        name: 'resnet18', one's own with one input channel, to be trained; 'torchvision:NAME', a
            ResNet; 'timm:NAME', a convolutional network or a vision transformer of that optional
            package; 'timm:NAME@USER/REPO', the same with weights of another repository of the Hub.
        layers: whose maps are wanted, ascending, within 1 to 4: strides of 4, 8, 16 and 32 px; of a
            transformer, quarters of its depth, all with a stride of 8 px.
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
        return TimmTokens(name, layers) if _has_tokens(name) else TimmConvolutions(name, layers)
    raise SimsidError(
        f"unknown backbone '{name}'; choose '{OWN}', 'torchvision:NAME' or 'timm:NAME'"
    )


def as_imagenet(
    images: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch 3 height width"]:
    """Grey in [0, 1] as red, green and blue in the units that networks of ImageNet expect."""
    return in_units(images, images.new_tensor(_IMAGENET))


def in_units(
    images: Float[Tensor, "batch 1 height width"], units: Float[Tensor, "2 3"]
) -> Float[Tensor, "batch 3 height width"]:
    """Grey in [0, 1] as red, green and blue, each less its mean and over its deviation."""
    centre, scale = units
    return (images - centre[:, None, None]) / scale[:, None, None]


def split_timm(name: str) -> tuple[str, str]:
    """'timm:NAME@USER/REPO' to the network's name and the repository of its weights, or ''."""
    model, _, repository = name.removeprefix("timm:").partition("@")
    return model, repository


def _has_tokens(name: str) -> bool:
    """Whether it is a vision transformer that gives a token for each place."""
    timm, (model, _) = _timm(name), split_timm(name)
    from timm.models.eva import Eva
    from timm.models.vision_transformer import VisionTransformer

    with torch.device("meta"):
        built = timm.create_model(model, pretrained=False, num_classes=0)
    return isinstance(built, VisionTransformer | Eva)


def _described(name: str) -> Any:
    """What timm says of a network's weights and units."""
    return _timm(name).get_pretrained_cfg(split_timm(name)[0], allow_unregistered=False)


def _timm(name: str) -> Any:
    """The package, if it knows this network by a plain name: others would be looked up online."""
    try:
        import timm
    except ImportError as error:
        raise SimsidError(
            f"the backbone '{name}' needs the package timm: pip install timm, or choose '{OWN}'"
        ) from error
    model, at, repository = name.removeprefix("timm:").partition("@")
    if not re.fullmatch(_MODEL, model) or not timm.is_model(model):
        raise SimsidError(f"timm has no network '{model[:80]}': see timm.list_models()")
    try:
        known = timm.get_pretrained_cfg(model, allow_unregistered=False) is not None
    except RuntimeError:
        known = False
    if not known:
        raise SimsidError(f"timm has no weights '{model[:80]}': see timm.list_pretrained()")
    if at and not re.fullmatch(_REPOSITORY, repository):
        raise SimsidError(
            f"'{repository[:80]}' is no repository of the Hub: give timm:NAME@USER/REPO"
        )
    return timm
