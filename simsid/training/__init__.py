"""The training loop: one for all detectors, on CPU, one GPU, or many ranks."""

from simsid.training.loop import Training, TrainingInterrupted
from simsid.training.options import TrainOptions

__all__ = ["TrainOptions", "Training", "TrainingInterrupted"]
