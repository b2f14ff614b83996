"""MSACL: an encoder learns to tell films with no, one, two and three pasted lesions apart.

Source: Tian et al., 'Self-supervised Multi-class Pre-training for Unsupervised Anomaly Detection
and Segmentation in Medical Images', section 3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from simsid.models.backbones import Backbone
from simsid.models.medmix import MOST_LESIONS, MedMixRange, medmix
from simsid.models.statistics import mean_over_ranks
from simsid.models.variation import VariationRange, draw_variation

CLASSES = MOST_LESIONS + 1
_NEIGHBOURS = tuple((row, col) for row in (-1, 0, 1) for col in (-1, 0, 1) if row or col)
_WEAK = VariationRange(
    scale=0.1, stretch=0.05, rotation=0.05, shift=0.06, sharpness=0.5, noise=0.01
)


class MsaclTraining(nn.Module):
    """Everything that pre-trains a backbone; nothing of it but the backbone is needed later.

    Args:
        backbone: any; its last map is averaged over positions and projected.
        dim: of the projection.
        temperature: tau of the contrastive loss.
        calibration: alpha, above 1; how much less films of one class repel each other.
        patch_share: side of the patches whose relative place is learned, as a share of the film's.
        lesions, weak: of the strong augmentations, and of the weak one.

    Relative to the paper: each film of a batch shows one of the four classes at a step, the
    classes evenly, rather than all; centres are those of the first batch under all of them;
    the weak augmentation holds no flips, since anatomy has a side. Temperature and calibration
    stand in the paper's supplement, which we have not seen.
    """

    centres: Tensor
    centred: Tensor

    def __init__(
        self,
        backbone: Backbone,
        dim: int = 128,
        temperature: float = 0.2,
        calibration: float = 2.0,
        patch_share: float = 0.25,
        lesions: MedMixRange | None = None,
        weak: VariationRange = _WEAK,
    ) -> None:
        super().__init__()
        if not 0 < patch_share <= 1 / 3:
            raise ValueError(f"patch_share must lie within 0 and 1/3, not {patch_share}")
        self.backbone = backbone
        width = backbone.channels[-1]
        self.projection = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, dim)
        )
        self.augmentation = nn.Linear(dim, CLASSES)  # eq. 8
        self.position = nn.Sequential(  # eq. 9
            nn.Linear(2 * dim, dim), nn.ReLU(inplace=True), nn.Linear(dim, len(_NEIGHBOURS))
        )
        self.register_buffer("centres", torch.zeros(CLASSES, dim))
        self.register_buffer("centred", torch.zeros((), dtype=torch.bool))
        self.temperature, self.calibration = temperature, calibration
        self.patch_share, self.lesions, self.weak = patch_share, lesions, weak

    def embed(self, images: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch dim"]:
        """f_θ: the projection of the backbone's last map, float32."""
        return self.projection(self.backbone(images)[-1].mean((2, 3))).float()

    def losses(self, images: Float[Tensor, "batch 1 height width"]) -> dict[str, Tensor]:
        """All terms for normals in [0, 1], and ``loss``, their sum (eq. 1).

        The first call fixes the centres.
        """
        if not self.centred:
            self._set_centres(images)
        kinds = torch.randperm(len(images), device=images.device) % CLASSES
        strong, _ = medmix(images, kinds, self.lesions)
        views = torch.cat([self._weakly(strong), self._weakly(strong)])
        embedded, kinds = self.embed(views), kinds.repeat(2)
        centring = (embedded - self.centres[kinds]).square().sum(1).mean()  # eq. 3
        contrast = contrastive_loss(
            embedded - self.centres[kinds], kinds, self.temperature, self.calibration
        )
        augmentation = F.cross_entropy(self.augmentation(embedded).float(), kinds)
        position = self._position_loss(images)
        return {
            "loss": centring + contrast + augmentation + position,
            "centring": centring,
            "contrast": contrast,
            "augmentation": augmentation,
            "position": position,
        }

    def _weakly(self, images: Tensor) -> Tensor:
        drawn = draw_variation(images, self.weak)
        return drawn.expose(drawn.move(images)).clamp(0, 1)

    @torch.no_grad()
    def _set_centres(self, images: Tensor) -> None:
        """The mean of each class over this batch (eq. 2), frozen from now on."""
        for kind in range(CLASSES):
            counts = torch.full((len(images),), kind, device=images.device)
            mixed = self._weakly(medmix(images, counts, self.lesions)[0])
            self.centres[kind] = mean_over_ranks(self.embed(mixed).mean(0))
        self.centred.fill_(True)

    def _position_loss(self, images: Tensor) -> Float[Tensor, ""]:
        """Which of its eight neighbours is the second patch? (eq. 9)"""
        sides = [max(1, round(side * self.patch_share)) for side in images.shape[2:]]
        place = torch.randint(len(_NEIGHBOURS), (len(images),))
        corners = [
            torch.randint(side, whole - 2 * side + 1, (len(images),)).tolist()
            for side, whole in zip(sides, images.shape[2:], strict=True)
        ]
        first, second = [], []
        for image, top, left, which in zip(images, *corners, place.tolist(), strict=True):
            down, right = _NEIGHBOURS[which]
            first.append(_crop(image, top, left, sides))
            second.append(_crop(image, top + down * sides[0], left + right * sides[1], sides))
        patches = torch.stack(first + second)
        # Strided convolutions of 1x1 maps have no sound gradient in bfloat16 on CPUs.
        least = self.backbone.strides[-1]
        if min(sides) <= least // 2:
            patches = F.interpolate(patches, [max(side, least) for side in sides], mode="bilinear")
        pairs = self.embed(patches).unflatten(0, (2, -1))
        logits = self.position(torch.cat(tuple(pairs), 1)).float()
        return F.cross_entropy(logits, place.to(images.device))


def contrastive_loss(
    centred: Float[Tensor, "views dim"],
    kinds: Int[Tensor, " views"],
    temperature: float,
    calibration: float,
) -> Float[Tensor, ""]:
    """Views of one film attract, all others repel: those of the same class less (eqs. 4 to 7).

    Args:
        centred: embeddings minus the centre of their class; the second half are other views of the
            films in the first half, in the same order.
        kinds: class of each view.
    """
    unit = F.normalize(centred, dim=1)  # f̃, eq. 6
    with torch.autocast(unit.device.type, enabled=False):
        cosine = unit @ unit.T
    same = kinds[:, None] == kinds
    sharpness = torch.where(same, 1 / (calibration * temperature), 1 / temperature)  # κ, eq. 7
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    others = (cosine * sharpness).masked_fill(itself, -torch.inf)
    pair = torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
    attraction = cosine.gather(1, pair[:, None])[:, 0] / temperature
    return (others.logsumexp(1) - attraction).mean()  # eq. 5


def _crop(image: Tensor, top: int, left: int, sides: list[int]) -> Tensor:
    return image[:, top : top + sides[0], left : left + sides[1]]
