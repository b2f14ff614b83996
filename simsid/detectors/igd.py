"""IGD: films and their patches are rebuilt from latent vectors that form one Gaussian each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.compiler import is_exporting

from simsid.data.image_kind import ImageKind
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Player, Stage
from simsid.detectors.method import Batches
from simsid.detectors.pretrained import load_pretrained
from simsid.detectors.registry import register
from simsid.models.autoencoder import small_size
from simsid.models.backbones import OWN, build_backbone
from simsid.models.igd import Critic, InterpolatedGaussian, corners, random_patches
from simsid.models.members import Members

GLOBAL, LOCAL = "global_reconstruction", "local_reconstruction"
GLOBAL_UNLIKELY, LOCAL_UNLIKELY = "global_unlikeliness", "local_unlikeliness"
DESCRIPTORS = "descriptors"  # the stage
_PATCHES_AT_ONCE = 1024


@dataclass(frozen=True, kw_only=True)
class IgdConfig(DetectorConfig):
    """All numbers of ``igd``; saved with the weights.

    Attributes:
        backbone, layers, width: of both encoders, see ``build_backbone``; the last map is used.
        patch_size: side of the local model's patches, in pixels.
        channels: of the global decoder, finest first; patch_channels: of the local one.
        critic_channels: of both critics of interpolation. latent_dim: of both latent vectors.
        l1_share: rho, of the absolute difference in the reconstruction's loss.
        fooling: weight of the interpolation's loss.
        learning_rate, weight_decay: of AdamW, for models and critics alike.
    """

    backbone: str = OWN
    layers: tuple[int, ...] = (4,)
    width: int = 16
    patch_size: int = 32
    channels: tuple[int, ...] = (16, 32, 64, 128)
    patch_channels: tuple[int, ...] = (16, 32, 64)
    critic_channels: tuple[int, ...] = (8, 16, 32)
    latent_dim: int = 128
    l1_share: float = 0.15
    fooling: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    fusion: tuple[tuple[str, float], ...] = (
        (GLOBAL, 1.0),
        (LOCAL, 1.0),
        (GLOBAL_UNLIKELY, 1.0),
        (LOCAL_UNLIKELY, 1.0),
    )
    reduce: str = "mean"

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'quick' has a quarter of a ResNet-18's width, 'paper' the whole.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        small_size(image_size, cls.channels)
        if preset == "paper":
            wide, narrow = (32, 64, 128, 256), (32, 64, 128)
            return {"width": 64, "channels": wide, "patch_channels": narrow}
        return {}


@register
class Igd(Detector):
    """Interpolated Gaussian descriptor. Source: Chen et al., AAAI 2022.

    Components, higher = more abnormal:

    - ``global_reconstruction``, ``local_reconstruction``: rho times the absolute difference plus
      (1 - rho) times the multi-scale dissimilarity, of the whole film and of its patches rebuilt.
    - ``global_unlikeliness``, ``local_unlikeliness``: 1 - likelihood of the latent vector of the
      whole film (the same in every region), and of the patches that lie there.

    Relative to the paper: the four are compared with normals one by one before they are added, so
    xi and nu of MSACL's eqs. 10 and 11 weigh standard deviations; encoders start from random
    weights unless a pretrained backbone is named, and then do not see how bright an image is.
    """

    name = "igd"
    config_class = IgdConfig
    components = (GLOBAL, LOCAL, GLOBAL_UNLIKELY, LOCAL_UNLIKELY)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 5, "paper": 100}
    training_only: ClassVar[tuple[str, ...]] = ("critics.",)
    own_maps: ClassVar[bool] = True
    config: IgdConfig

    def __init__(self, config: IgdConfig) -> None:
        super().__init__(config)
        self.side = min(config.patch_size, *self.image_size)
        sizes = (self.image_size, (self.side, self.side))
        self.models = Members[InterpolatedGaussian](
            InterpolatedGaussian(
                build_backbone(config.backbone, config.layers, config.width),
                size,
                config.latent_dim,
                channels,
            )
            for size, channels in zip(sizes, (config.channels, config.patch_channels), strict=True)
        )
        self.critics = Members[Critic](Critic(config.critic_channels) for _ in sizes)
        self.to(memory_format=torch.channels_last)

    def stages(self) -> Sequence[Stage]:
        return (Stage(DESCRIPTORS),)

    @property
    def whole(self) -> InterpolatedGaussian:
        """The model of whole films."""
        return self.models[0]

    @property
    def patch(self) -> InterpolatedGaussian:
        """The model of patches."""
        return self.models[1]

    def begin_stage(self, stage: str, batches: Batches) -> None:
        if stage == self.stages()[0].name and not self.begun_elsewhere:
            for model in (self.whole, self.patch):
                load_pretrained(model.backbone)

    def players(self, stage: str) -> dict[str, Player]:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return {
            "models": Player.of(self.models, rate, weight_decay=decay),
            "critics": Player.of(self.critics, rate, weight_decay=decay),
        }

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        config = self.config
        parts = (images, random_patches(images, self.side))
        models = (self.whole, self.patch)
        terms, judged = zip(
            *(
                model.losses(part, critic, config.l1_share, config.fooling)
                for model, critic, part in zip(models, self.critics, parts, strict=True)
            ),
            strict=True,
        )
        named = zip(("global", "local"), terms, strict=True)
        told = {f"{scale}_{k}": v for scale, t in named for k, v in t.items() if k != "loss"}
        yield "models", {"loss": terms[0]["loss"] + terms[1]["loss"]} | told
        yield "critics", {"loss": judged[0] + judged[1]}

    def evidence(self, images: Tensor) -> Evidence:
        whole = self.whole
        latent = whole.encode(images)
        rebuilt = whole.decode(latent)
        unlikely = 1 - whole.descriptor(latent)
        local, local_unlikely = self._over_patches(images, self.patch)
        pixels = {
            GLOBAL: whole.dissimilarity(images, rebuilt, self.config.l1_share),
            LOCAL: local,
            GLOBAL_UNLIKELY: unlikely[:, None, None, None].expand_as(images),
            LOCAL_UNLIKELY: local_unlikely,
        }
        regions = {
            name: F.adaptive_avg_pool2d(values.float(), self.grid_size).flatten(1)
            for name, values in pixels.items()
        }
        return Evidence(regions, pixels, rebuilt)

    def _over_patches(self, images: Tensor, model: InterpolatedGaussian) -> tuple[Tensor, Tensor]:
        """Dissimilarity and unlikeliness of overlapping patches, averaged in each pixel."""
        side = self.side
        places = [(top, left) for top in corners(self.image_size[0], side)
                  for left in corners(self.image_size[1], side)]  # fmt: skip
        sums = images.new_zeros(3, *images.shape)
        at_once = len(places) if is_exporting() else max(1, _PATCHES_AT_ONCE // len(images))
        for start in range(0, len(places), at_once):
            some = places[start : start + at_once]
            cut = torch.cat([images[:, :, y : y + side, x : x + side] for y, x in some])
            latent = model.encode(cut)
            found = model.dissimilarity(cut, model.decode(latent), self.config.l1_share)
            unlikely = 1 - model.descriptor(latent)
            values = torch.stack(
                [found, unlikely[:, None, None, None].expand_as(found), torch.ones_like(found)]
            ).unflatten(1, (len(some), -1))
            for number, (top, left) in enumerate(some):
                sums[..., top : top + side, left : left + side] += values[:, number]
        return sums[0] / sums[2], sums[1] / sums[2]

    def consolidate(self, batches: Batches) -> None:
        """Settle the descriptors' variances on all training normals."""
        self.eval()
        starts = [corners(length, self.side)[::2] for length in self.image_size]
        for model in (self.whole, self.patch):
            latents = []
            for images in batches():
                images = images.to(self.device)
                if model is self.patch:
                    images = torch.cat(
                        [images[:, :, y : y + self.side, x : x + self.side]
                         for y in starts[0] for x in starts[1]]
                    )  # fmt: skip
                latents.append(model.encode(images))
            model.descriptor.settle(torch.cat(latents))
