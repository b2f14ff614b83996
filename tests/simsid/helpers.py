"""A detector that needs no training, and a data set that needs no files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.datasets import LabelledImages, RadiographData
from simsid.detectors import Detector, Evidence, Player
from simsid.detectors.config import DetectorConfig
from simsid.models.patches import image_to_patches


@dataclass(frozen=True, kw_only=True)
class MeanImageConfig(DetectorConfig):
    fusion: tuple[tuple[str, float], ...] = (("residual", 1.0),)


class MeanImageDetector(Detector):
    """Rebuilds every image as the mean normal image; the residual is the score."""

    name = "mean-image"
    config_class = MeanImageConfig
    components = ("residual", "brightness")

    def __init__(self, config: MeanImageConfig) -> None:
        super().__init__(config)
        self.register_buffer("mean_image", torch.zeros(1, 1, *self.image_size))

    def evidence(self, images: Tensor) -> Evidence:
        residual = (images - self.mean_image).square()
        smooth = F.avg_pool2d(residual, 3, 1, 1, count_include_pad=False)
        return Evidence(
            regions={
                "residual": image_to_patches(residual, self.grid_size).mean((2, 3, 4)),
                "brightness": image_to_patches(images, self.grid_size).mean((2, 3, 4)),
            },
            pixels={"residual": smooth},
            reconstruction=self.mean_image.expand_as(images),
        )

    def players(self, stage: str) -> dict[str, Player]:
        return {}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        yield from ()

    def embedding(self, images: np.ndarray) -> dict[str, np.ndarray]:
        patches = image_to_patches(self.as_batch(images), self.grid_size).flatten(2).numpy()
        slots = image_to_patches(self.mean_image, self.grid_size).flatten(2).numpy()[0]
        return {"features": patches, "slots": np.stack([slots, slots * 0.9], axis=1)}


def make_data(
    normals: int = 40, per_kind: int = 12, size: int = 32, calibration: int = 40, seed: int = 0
) -> RadiographData:
    """A disc on a gradient; 'spot' has a bright square somewhere, 'faint' hardly one."""
    rng = np.random.default_rng(seed)
    strengths = {"normal": 0, "spot": 120, "faint": 12}
    test = [("normal", normals), ("spot", per_kind), ("faint", per_kind)]
    parts = [(kind, *_draw(rng, count, size, strengths[kind])) for kind, count in test if count]
    kinds = np.concatenate([np.repeat(kind, len(images)) for kind, images, _ in parts])
    labelled = LabelledImages(
        images=np.concatenate([images for _, images, _ in parts]),
        labels=(kinds != "normal").astype(int),
        kinds=kinds,
        masks=np.concatenate([masks for _, _, masks in parts]),
        names=np.array([f"test/{kind}/{number:04d}" for number, kind in enumerate(kinds)]),
    )
    return RadiographData(
        name="discs",
        train=_draw(rng, 60, size, 0)[0],
        calibration=_draw(rng, calibration, size, 0)[0],
        test=labelled,
    )


def make_detector(data: RadiographData, grid_size: tuple[int, int] = (2, 2)) -> MeanImageDetector:
    """Fitted and calibrated on the data's normals in milliseconds."""
    detector = MeanImageDetector(MeanImageConfig(data.image_size, grid_size)).eval()
    images = detector.as_batch(data.train)
    detector.mean_image.copy_(images.mean(0, keepdim=True))
    detector.set_reference(lambda: iter(images.split(32)))
    detector.calibrate(data.calibration)
    detector.facts = {"data_fingerprint": data.fingerprint}
    return detector


def _draw(
    rng: np.random.Generator, count: int, size: int, strength: int
) -> tuple[np.ndarray, np.ndarray]:
    rows, cols = np.mgrid[:size, :size]
    disc = (rows - size / 2) ** 2 + (cols - size / 2) ** 2 < (size / 3) ** 2
    base = 40 + 60 * rows / size + 70 * disc
    images = base + rng.normal(0, 6, (count, size, size))
    masks = np.zeros((count, size, size), bool)
    if strength:
        for mask in masks:
            top, left = rng.integers(2, size - 8, 2)
            mask[top : top + 6, left : left + 6] = True
        images = images + strength * masks
    return np.clip(images, 0, 255).round().astype(np.uint8), masks
