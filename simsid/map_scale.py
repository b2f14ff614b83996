"""The colour scale of anomaly maps: fixed by normals, the same for every image of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

if TYPE_CHECKING:
    from simsid.detectors.base import Detector

_DEFAULT_LOW, _DEFAULT_HIGH = 1.0, 8.0
_ALPHA = 0.7
_MID_GREY = 0.35
_FAINT_COLOUR = np.array([0.80, 0.10, 0.40])  # lightness rises with strength, for any eye
_FULL_COLOUR = np.array([1.00, 0.92, 0.20])


@dataclass(frozen=True)
class MapScale:
    """Map values, in standard deviations of normals, at which colour begins and saturates."""

    low: float = _DEFAULT_LOW
    high: float = _DEFAULT_HIGH

    @classmethod
    def from_quantiles(cls, median: float, top: float) -> MapScale:
        """Colour begins at ``top``, the value that 1 % of normal pixels exceed.

        It saturates three times as far from the normals' median again.
        """
        return cls(top, top + 3 * max(top - median, 1e-6))

    def strength(self, anomaly_map: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """0 where nothing stands out, 1 where the colour saturates."""
        return ((anomaly_map - self.low) / (self.high - self.low)).clip(0.0, 1.0)


def overlay(
    image: Float[np.ndarray, "height width"],
    anomaly_map: Float[np.ndarray, "height width"],
    scale: MapScale,
) -> UInt8[np.ndarray, "height width 3"]:
    """The film in grey with the map over it; where nothing stands out the film stays as it is."""
    strength = scale.strength(anomaly_map)[..., None]
    colour = (1 - strength) * _FAINT_COLOUR + strength * _FULL_COLOUR
    alpha = _ALPHA * np.minimum(1.0, 3.0 * strength)
    return np.round(255 * ((1 - alpha) * image[..., None] + alpha * colour)).astype(np.uint8)


def colour_bar(scale: MapScale, steps: int = 256) -> UInt8[np.ndarray, "steps 3"]:
    """What ``overlay`` makes of a mid-grey film, from ``low`` to ``high``."""
    values = np.linspace(scale.low, scale.high, steps)[None]
    return overlay(np.full((1, steps), _MID_GREY), values, scale)[0]


def map_scale(detector: Detector) -> MapScale:
    """The model's own scale, from its calibration normals; a plain one if it keeps none."""
    kept = detector.calibration.map_quantiles if detector.is_calibrated else None
    return MapScale() if kept is None else MapScale.from_quantiles(*kept)
