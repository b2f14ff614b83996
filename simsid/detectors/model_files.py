"""The files of a model folder, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WEIGHTS, CONFIG, CALIBRATION, CARD = (
    "model.safetensors",
    "config.json",
    "calibration.json",
    "README.md",
)
FILMS = (
    "training_films.safetensors"  # hashes of films; models of before have none, shared ones neither
)
FILES = (WEIGHTS, CONFIG, CALIBRATION, CARD, FILMS)
SUMS = "SHA256SUMS"  # of a model that was shared; untrue of a new one
EXPORTED = "exported"  # what the folder of a graph names in a detector's place
CHECKPOINT = "checkpoint.pt"  # of a training, beside INNER
INNER = "model"  # what the model folder of a run folder is called


@dataclass(frozen=True)
class ModelFolder:
    """Where the files of a model folder are."""

    path: Path

    @property
    def weights(self) -> Path:
        return self.path / WEIGHTS

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    @property
    def calibration(self) -> Path:
        return self.path / CALIBRATION

    @property
    def films(self) -> Path:
        return self.path / FILMS

    @property
    def card(self) -> Path:
        return self.path / CARD
