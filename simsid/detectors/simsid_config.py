"""Every number of ``simsid``, and how presets choose them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simsid.data.image_kind import Films, ImageKind
from simsid.detectors.config import DetectorConfig
from simsid.detectors.space_aware import FEATURE_DISTANCE, LossWeights
from simsid.models.variation import VariationRange

LESION, CONTEXT_DISTANCE = "lesion", "context_distance"  # components of the lesion networks
UNEXPECTED = "unexpected"
# The talk's augmentation of films: moved and scaled as a whole by 5 %, never flipped.
FILM_JITTER: dict[str, Any] = {
    "jitter_scale": 0.05,
    "jitter_shift": 0.05,
    "jitter_shear": 0.0,
    "jitter_whole": True,
}


@dataclass(frozen=True, kw_only=True)
class SimSIDConfig(DetectorConfig):
    """All numbers of ``simsid``; saved with the weights.

    Attributes:
        channels: encoder widths; the first at 1 / stem_stride of the patch, each next one halves.
        decoder_channels: the same for both decoders, narrower: they are most of the work.
        num_slots, top_k, read_scale, gumbel, shrink_threshold: the memory that rebuilds a patch.
        signature_dim, signature_slots: the feature that scores are measured on, and how many slots
            of it each region learns the posterior with.
        scoring_slots: slots of each region that scores are measured against, consolidated from
            the signatures of training normals.
        space_aware: a memory for each region; without, all regions share one (the ablation).
        inpaint_prob: share of patches in-painted in training (masked shortcut).
        jitter_scale, jitter_shift, jitter_shear: augmentation, see ``jitter_patches``.
        jitter_whole: move films as a whole, not each patch on its own.
        lesion_channels: width of the lesion networks; 0 for none.
        lesion_members: how many of them; their logits are averaged.
        lesion_grafts: share of lesions that are grafts from another film, not opacities.
        lesion_decay: of the running mean of their weights, a step; 0 reads the last weights.
        lesion_variation: largest change of position and exposure that they are trained under.
        lesion_centring: share of a film's own median logit that its cells are told without, 0 to 1;
            see ``centred``.
        lesion_limit: the normal score, on either side of 0, beyond which a cell counts no more;
            None for no limit of its own.
        context_slots: slots of each region in the memory of the lesion networks' features.
        expected: whether the difference from the expected film is a component; models of before
            have none.
    """

    channels: tuple[int, ...] = (32, 64, 128)
    decoder_channels: tuple[int, ...] = (16, 32, 64)
    stem_stride: int = 2
    convs_per_level: int = 1
    slot_dim: int = 128
    signature_dim: int = 128
    signature_slots: int = 100
    num_slots: int = 100
    top_k: int | None = 5
    read_scale: float = 10.0
    gumbel: float = 0.0
    shrink_threshold: float = 0.0
    scoring_slots: int = 64
    posterior_scale: float = 10.0
    space_aware: bool = True
    inpainting: bool = True
    inpaint_prob: float = 0.95
    distillation: bool = True
    stop_gradient: bool = True
    standardise_input: bool = False
    discriminator_channels: int = 16
    weights: LossWeights = field(default_factory=LossWeights)
    learning_rate: float = 2e-3
    discriminator_learning_rate: float = 2e-4
    weight_decay: float = 0.05
    jitter_scale: float = 0.4
    jitter_shift: float = 0.22
    jitter_shear: float = 0.12
    jitter_whole: bool = False
    lesion_channels: int = 0
    lesion_members: int = 1
    lesion_grafts: float = 0.5
    lesion_decay: float = 0.995
    lesion_learning_rate: float = 2e-3
    lesion_variation: VariationRange = field(default_factory=VariationRange)
    lesion_centring: float = 0.0
    lesion_limit: float | None = None
    context_slots: int = 64
    expected: bool = False
    fusion: tuple[tuple[str, float], ...] = ((FEATURE_DISTANCE, 1.0),)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' has the talk's sizes; films are not DigitAnatomy: see :func:`_films_quick`.

        Raises:
            ValueError: the image cannot be cut into patches of a multiple of 8 px, 16 for films.
        """
        films, grid_size = isinstance(kind, Films), cls.grid_for(preset, image_size, kind)
        check_patches(image_size, grid_size, 16 if films else 8)
        if preset == "quick":
            quick = _films_quick(image_size, grid_size) if films else {}
            return quick | {"expected": True}
        widths = (32, 64, 128, 256, 512) if films else (32, 64, 128, 256)  # 4 levels, or 3
        return {
            "expected": True,
            "channels": widths,
            "decoder_channels": widths,
            "stem_stride": 1,
            "convs_per_level": 2,
            "slot_dim": 256,
            "num_slots": 200,
            "learning_rate": 1e-3,
            **(FILM_JITTER if films else {}),
        }

    @classmethod
    def default_grid(cls, preset: str, image_size: tuple[int, int]) -> tuple[int, int]:
        """See :func:`patch_grid`."""
        return patch_grid(preset, image_size)


def _films_quick(image_size: tuple[int, int], grid_size: tuple[int, int]) -> dict[str, Any]:
    """Radiographs: anomalies are diffuse, films differ in exposure, and lungs are no digits.

    Chosen on validation splits and under shift, see docs/decisions/0007 and 0015. Distances of
    features have no share of the score: they tell another hospital more than disease.
    """
    large = min(side // cells for side, cells in zip(image_size, grid_size, strict=True)) >= 48
    return {
        "stem_stride": 4 if large else 2,
        "standardise_input": True,
        **FILM_JITTER,
        "lesion_channels": 24,
        "fusion": ((LESION, 1.0),),
        "reduce": "mean",
        "map_floor": 1.0,
    }


def patch_grid(preset: str, image_size: tuple[int, int]) -> tuple[int, int]:
    """4x4, or fewer where patches would fall below 32 px; 2x2 as the talk in the paper's preset."""
    most = 2 if preset == "paper" else 4
    rows, cols = (min(most, max(1, side // 32)) for side in image_size)
    return rows, cols


def check_patches(image_size: tuple[int, int], grid_size: tuple[int, int], multiple: int) -> None:
    """Raise ValueError unless each patch is a whole multiple of ``multiple`` px on both sides."""
    for size, cells in zip(image_size, grid_size, strict=True):
        if size % cells or (size // cells) % multiple:
            raise ValueError(
                f"an image of {image_size[0]}x{image_size[1]} px on a {grid_size[0]}x{grid_size[1]} grid "
                f"does not give patches of a multiple of {multiple} px: choose another image or grid size"
            )


def check_reading(centring: float, limit: float | None) -> None:
    """Raise ValueError for a way to read the cells of lesion networks that cannot be."""
    if not 0 <= centring <= 1:
        raise ValueError(f"lesion_centring must lie from 0 to 1, not {centring}")
    if limit is not None and limit <= 0:
        raise ValueError(f"lesion_limit must be above 0, or null for none, not {limit}")
