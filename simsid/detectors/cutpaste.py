"""CutPaste: features that notice a misplaced piece of film, and how normal ones are spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.image_kind import ImageKind
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Player
from simsid.detectors.method import Batches
from simsid.detectors.registry import register
from simsid.models.cutpaste import PatchClassifier, cut_paste, cut_paste_scar, random_patches
from simsid.models.gaussian import PositionGaussian

DENSITY = "density"
_STEP = 16
_CHANNELS = {"quick": (16, 32, 64, 64), "paper": (64, 128, 256, 512)}


@dataclass(frozen=True, kw_only=True)
class CutPasteConfig(DetectorConfig):
    """All numbers of ``cutpaste``; saved with the weights.

    Attributes:
        grid_size: regions in which scores are told; patches overlap and are finer.
        channels: encoder widths; each halves the size.
        hidden: width of the head that tells the three kinds.
        patch_side, stride: of the patches, in pixels.
        patches_per_image: at a training step; each is seen normal, cut and scarred.
        learning_rate, weight_decay: of AdamW, for encoder and head.
    """

    channels: tuple[int, ...] = (16, 32, 64, 64)
    hidden: int = 64
    patch_side: int = 32
    stride: int = 16
    patches_per_image: int = 4
    learning_rate: float = 2e-3
    weight_decay: float = 3e-5
    fusion: tuple[tuple[str, float], ...] = ((DENSITY, 1.0),)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """Patches of 32 px, 64 px in images of 128 px and more; 'paper' is four times as wide.

        Images of 32 px have patches of 16 px: of one patch there would be no map.

        Raises:
            ValueError: an image that is no multiple of 16 px of at least 32.
        """
        if any(side % _STEP or side < 2 * _STEP for side in image_size):
            raise ValueError(
                f"an image of {image_size[0]}x{image_size[1]} px cannot be cut into patches: choose "
                f"a multiple of {_STEP} px, and at least {2 * _STEP}"
            )
        smallest = min(image_size)
        side = 64 if smallest >= 128 else 32 if smallest > 2 * _STEP else 16
        return {
            "channels": _CHANNELS[preset],
            "hidden": 64 if preset == "quick" else 512,
            "patch_side": side,
            "stride": min(_STEP, side // 2),
        }


@register
class CutPaste(Detector):
    """CutPaste, three kinds, on patches. Source: Li et al., CVPR 2021.

    Component, higher = more abnormal:

    - ``density``: Mahalanobis distance of the patches' features to those of normals, in standard
      deviations, spread over the pixels; the largest of each region.

    Relative to the paper: a Gaussian for each position rather than one for all, since anatomy has
    places (and see ``PositionGaussian``); a region's distance is measured against its own normals
    before the largest is taken; patches are not jittered in colour, only pasted pieces are.
    """

    name = "cutpaste"
    config_class = CutPasteConfig
    components = (DENSITY,)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 15, "paper": 250}
    training_only: ClassVar[tuple[str, ...]] = ("classifier.head.",)
    gives_reconstruction: ClassVar[bool] = False
    own_maps: ClassVar[bool] = True
    config: CutPasteConfig

    def __init__(self, config: CutPasteConfig) -> None:
        super().__init__(config)
        self.classifier = PatchClassifier(
            config.channels, config.hidden, config.patch_side, config.stride
        )
        positions = self.classifier.positions(self.image_size)
        self.gaussian = PositionGaussian(config.channels[-1], positions)
        self.to(memory_format=torch.channels_last)

    def practised_families(self) -> tuple[str, ...]:
        return ("exchanged", "foreign")  # pieces of a film in another place

    def players(self, stage: str) -> dict[str, Player]:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return {"classifier": Player.of(self.classifier, rate, weight_decay=decay)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        config = self.config
        patches = random_patches(images, config.patch_side, config.patches_per_image)
        kinds = (patches, cut_paste(patches), cut_paste_scar(patches))
        logits, _ = self.classifier(torch.cat(kinds))
        truth = torch.arange(len(kinds), device=images.device).repeat_interleave(len(patches))
        correct = (logits.argmax(1) == truth).float().mean()
        yield "classifier", {"loss": F.cross_entropy(logits, truth), "correct": correct}

    @torch.no_grad()
    def consolidate(self, batches: Batches) -> None:
        maps = self.classifier.feature_map
        self.gaussian.fit(lambda: (maps(images.to(self.device)) for images in batches()))

    def evidence(self, images: Tensor) -> Evidence:
        distance = self.gaussian(self.classifier.feature_map(images))
        pixels = self.classifier.spread(distance)
        regions = F.adaptive_max_pool2d(pixels, self.grid_size).flatten(1)
        return Evidence({DENSITY: regions}, {DENSITY: pixels})
