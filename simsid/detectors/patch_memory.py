"""What the detectors that remember patch features share: the backbone, the sample of places, maps."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.image_kind import Films, ImageKind
from simsid.detectors.method import Batches
from simsid.detectors.msacl import MsaclPretraining
from simsid.detectors.pretrained import load_pretrained
from simsid.models.backbones import build_backbone
from simsid.models.coreset import greedy_coreset
from simsid.models.patch_features import PatchFeatures, blur_for
from simsid.models.statistics import settle_statistics

_LEAST = 64  # stored vectors, where the share of few films would be next to none


def settings_for(kind: ImageKind) -> dict[str, Any]:
    """What suits films, and what suits data with a grid of their own; see ``PatchCoreConfig``."""
    if isinstance(kind, Films):
        return {"layers": (2, 3), "pretraining": True, "reduce": "mean"}
    return {"layers": (1, 2), "pretraining": False, "reduce": "max"}


class PatchMemoryDetector(MsaclPretraining):
    """Base of detectors that compare features of places with stored ones.

    The configuration has ``backbone``, ``width``, ``layers``, ``pretraining``, ``learning_rate``,
    ``coreset_share``, ``coreset_most``, ``places_per_film``, ``projected_dim`` and ``blur``, see
    :class:`PatchCoreConfig`.
    """

    gives_reconstruction: ClassVar[bool] = False
    own_maps: ClassVar[bool] = True

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        backbone = build_backbone(config.backbone, config.layers, config.width)
        self.features = PatchFeatures(backbone)
        self.map_size = self.features.size_for(self.image_size)
        self.sigma = blur_for(config.blur, self.image_size)
        if config.pretraining and not backbone.pretrained:
            self.pretrain(backbone, config.learning_rate)

    def begin_stage(self, stage: str, batches: Batches) -> None:
        if stage == self.stages()[0].name:
            load_pretrained(self.features.backbone)

    def sample(self, batches: Batches, keep: Tensor | None = None) -> tuple[Tensor, Tensor, int]:
        """Feature vectors of places of the training normals, the same at every call.

        Args:
            keep: (places,) those that count; None for all.

        Returns:
            (n, dim) vectors of at most ``places_per_film`` places of each film, (n,) their places
            in reading order, and how many there would be of all.
        """
        generator = torch.Generator().manual_seed(0)
        rows, cols = self.map_size
        allowed = torch.arange(rows * cols) if keep is None else keep.cpu().nonzero()[:, 0]
        count = min(self.config.places_per_film, len(allowed))
        vectors, places, films = [], [], 0
        for images in batches():
            maps = self.features(self.posed(images.to(self.device))).flatten(2).transpose(1, 2)
            order = torch.rand(len(images), len(allowed), generator=generator).argsort(1)
            chosen = allowed[order[:, :count]]
            index = chosen.to(maps.device)[:, :, None].expand(-1, -1, maps.shape[2])
            vectors.append(maps.gather(1, index).flatten(0, 1))
            places.append(chosen.flatten().to(maps.device))
            films += len(images)
        return torch.cat(vectors), torch.cat(places), films * len(allowed)

    def posed(self, images: Tensor) -> Tensor:
        """The films as features are taken of them."""
        return images

    def chosen(self, vectors: Tensor, of: int) -> Tensor:
        """The coreset of a sample that stands for ``of`` vectors.

        Rounded to half precision: it is then stored in half the space without loss.
        """
        config = self.config
        count = min(max(round(config.coreset_share * of), _LEAST), config.coreset_most)
        kept = vectors[greedy_coreset(vectors, count, config.projected_dim)]
        return kept.clamp(-6e4, 6e4).half().float()

    def consolidate(self, batches: Batches) -> None:
        backbone = self.features.backbone
        if not self.stages():
            load_pretrained(backbone)
            self.round_weights()
        if not backbone.pretrained:
            self.eval()
            settle_statistics(backbone, (self.posed(b.to(self.device)) for b in batches()))
        self.eval()
        with torch.no_grad():
            self.remember(batches)

    def remember(self, batches: Batches) -> None:
        """Fill the memory banks from the training normals."""
        raise NotImplementedError

    def regions_of(self, maps: Tensor) -> Tensor:
        """(batch, regions) the largest value in each region of (batch, 1, rows, cols) maps."""
        return F.adaptive_max_pool2d(maps, self.grid_size).flatten(1)
