"""Real handwriting that comes with scikit-learn: 8 x 8 pixels, smoothly enlarged."""

import numpy as np

from synth.errors import SynthError
from synth.glyphs.labelled import LabelledGlyphs
from synth.resample import resize

_SIDE = 40


class OptDigitGlyphs(LabelledGlyphs):
    """The 1,797 optdigits of scikit-learn, enlarged to 40 x 40 and steepened to crisp strokes.

    Raises:
        SynthError: scikit-learn is not installed.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, CC BY 4.0.
    """

    def __init__(self) -> None:
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            raise SynthError(
                "digits 'optdigits' needs scikit-learn: pip install scikit-learn"
            ) from None
        data = load_digits()
        small = (np.rint(data.images).astype(np.int64) * 255 // 16).astype(np.uint8)
        framed = np.pad(small, ((0, 0), (1, 1), (1, 1)))
        super().__init__(_steepen(resize(framed, _SIDE)), data.target, where="optdigits")


def _steepen(images: np.ndarray) -> np.ndarray:
    """Raise contrast around mid-grey, as if the pen were drawn at the larger size."""
    grey = np.arange(256)
    # A smoothstep from 56 to 176, in whole numbers.
    ramp = np.clip(grey - 56, 0, 120)
    table = (ramp * ramp * (360 - 2 * ramp) * 255) // 120**3
    return table.astype(np.uint8)[images]
