"""A detector that knows two populations of painted thoraces, made in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from simsid.data.image_kind import FILMS
from simsid.detectors import Detector, detector_class
from tests.simsid.helpers import MeanImageConfig, MeanImageDetector

NAMES = ("narrow", "wide")
WIDTHS = (0.35, 0.6)
SIZE = 96


def thoraces(count: int, width: float, seed: int, side: float = 1.0) -> torch.Tensor:
    """Two dark lungs on grey; ``width`` says how wide, ``side`` below 1 makes one of them small."""
    rng = torch.Generator().manual_seed(seed)
    rows = torch.linspace(-1, 1, SIZE)[:, None]
    cols = torch.linspace(-1, 1, SIZE)[None]
    films = []
    for _ in range(count):
        wide, tall, shift = (1 + 0.1 * torch.randn(3, generator=rng)).tolist()
        film = torch.full((SIZE, SIZE), 0.6)
        for sign, scale in ((-1, 1.0), (1, side)):
            x = (cols - 0.1 * (shift - 1) - sign * width) / (0.6 * width * wide * scale)
            film -= 0.4 * torch.exp(-((x**2 + (rows / (0.6 * tall * scale)) ** 2) ** 2))
        films.append(film + 0.02 * torch.randn(SIZE, SIZE, generator=rng))
    return torch.stack(films)[:, None].clamp(0, 1)


def films_of(population: str, count: int, seed: int) -> np.ndarray:
    """(count, 96, 96) uint8 films of one population."""
    drawn = thoraces(count, WIDTHS[NAMES.index(population)], seed)
    return (255 * drawn[:, 0]).round().byte().numpy()


def strangers(count: int, seed: int) -> np.ndarray:
    """(count, 96, 96) uint8 films of neither population: lungs that lie one above the other."""
    drawn = thoraces(count, 0.45, seed).transpose(2, 3)
    return (255 * drawn[:, 0]).round().byte().numpy()


def write_films(folder: Path, films: np.ndarray) -> Path:
    """PNG files ``000.png`` and so on, in a new folder."""
    folder.mkdir(parents=True)
    for index, film in enumerate(films):
        Image.fromarray(film).save(folder / f"{index:03d}.png")
    return folder


def make_two(calibration: int = 60, confidence: float | None = None) -> MeanImageDetector:
    """Its mean film is that of the narrow thoraces, so normals of the wide ones score higher."""
    detector = MeanImageDetector(MeanImageConfig((SIZE, SIZE), (2, 2))).eval()
    narrow, wide = thoraces(80, WIDTHS[0], 0), thoraces(80, WIDTHS[1], 1)
    detector.mean_image.copy_(narrow.mean(0, keepdim=True))
    detector.set_reference(lambda: iter(narrow.split(40)))
    both = torch.cat([narrow, wide])
    detector.set_populations(lambda: iter([both]), torch.arange(2).repeat_interleave(80))
    normals = np.concatenate([films_of(name, calibration, 10 + i) for i, name in enumerate(NAMES)])
    detector.calibrate(normals, names=NAMES, confidence=confidence)
    return detector


def make_grey_two() -> Detector:
    """One that other processes know and that can be exported: by the mean grey level."""
    cls = detector_class("mean-grey")
    detector = cls(cls.config_class.preset("quick", (SIZE, SIZE), FILMS)).eval()
    narrow, wide = thoraces(80, WIDTHS[0], 0), thoraces(80, WIDTHS[1], 1)
    detector.consolidate(lambda: iter(narrow.split(40)))
    detector.set_reference(lambda: iter(narrow.split(40)))
    both = torch.cat([narrow, wide])
    detector.set_populations(lambda: iter([both]), torch.arange(2).repeat_interleave(80))
    normals = np.concatenate([films_of(name, 60, 10 + i) for i, name in enumerate(NAMES)])
    detector.calibrate(normals, names=NAMES)
    return detector
