"""DigitAnatomy: a synthetic benchmark for anomaly detection, with exact truth in every pixel."""

from synth.anatomy import KINDS, DigitAnatomy, Sample
from synth.config import SPLITS, AnatomyConfig
from synth.errors import SynthError
from synth.scene import CellRecord
from synth.version import __version__

__all__ = [
    "KINDS",
    "SPLITS",
    "AnatomyConfig",
    "CellRecord",
    "DigitAnatomy",
    "Sample",
    "SynthError",
    "__version__",
]
