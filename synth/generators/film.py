"""The film: from ink to grey levels as a population's scanner gives them, in whole numbers."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from synth.draws import chain, chain_array, chain_words, field, words

_UNIT = 1024
_BANK = 1 << 17
_SPREAD = 37837  # standard deviation of the sum of four even draws below 65,536
_LINE = 200  # grey level of the frame
_WORDS = 100  # number of the first random word: those below are the digits'


@dataclass(frozen=True)
class Exposures:
    """How n images were taken.

    Attributes:
        gain: (n,) factor of the grey levels, in 1/1024.
        lift: (n,) grey levels added.
        hidden: (n, 4) uncovered rows and columns at top, bottom, left and right.
        noise_at: (n,) where in the bank of noise each image begins.
    """

    gain: np.ndarray
    lift: np.ndarray
    hidden: np.ndarray
    noise_at: np.ndarray


class Film:
    """One population's film.

    Args:
        dials: exposure, contrast, noise, blur, frame and collimation, see
            :class:``synth.population.Population``.
        shape: (height, width) of the images in pixels.
    """

    def __init__(self, dials: dict[str, float], shape: tuple[int, int]) -> None:
        self._shape = shape
        self._lift = round(dials["exposure"] * 255 * _UNIT)
        self._gain = round((dials["contrast"] - 1) * _UNIT)
        self._noise = round(dials["noise"] * 255 * 256)
        self._blur = round(dials["blur"] ** 2 * _UNIT)
        self._line = round(dials["frame"])
        self._border = round(dials["collimation"] * _UNIT)

    @property
    def is_plain(self) -> bool:
        """Whether it leaves every image as it is."""
        return not any((self._lift, self._gain, self._noise, self._blur, self._line, self._border))

    def expose(self, keys: np.ndarray) -> Exposures:
        """Draw how the images of these keys, (n,) uint64, are taken."""
        raw = chain_words(keys[:, None], np.arange(_WORDS, _WORDS + 3, dtype=np.uint64))
        # Three quarters to five quarters of the population's change.
        share = [768 + field(raw[:, 0], shift, 513) for shift in (0, 16)]
        sides = np.stack([768 + field(raw[:, 1], shift, 513) for shift in (0, 16, 32, 48)], axis=1)
        long = np.array([self._shape[0]] * 2 + [self._shape[1]] * 2)
        return Exposures(
            gain=_UNIT + self._gain * share[0] // _UNIT,
            lift=self._lift * share[1] // _UNIT // _UNIT,
            hidden=self._border * sides // _UNIT * long // _UNIT,
            noise_at=(raw[:, 2] % np.uint64(_BANK)).astype(np.int64),
        )

    def develop(self, images: np.ndarray, how: Exposures) -> np.ndarray:
        """Turn ink into films.

        Args:
            images: (n, height, width) uint8.
            how: from :meth:``expose``.

        Returns:
            (n, height, width) uint8.
        """
        out = images.astype(np.int32)
        if self._gain or self._lift:
            out *= how.gain.astype(np.int32)[:, None, None]
            out >>= 10
            out += how.lift.astype(np.int32)[:, None, None]
        if self._blur:
            out = _blurred(out, self._blur)
        if self._noise:
            out += self._noise_of(how.noise_at)
        out = np.clip(out, 0, 255, out=out).astype(np.uint8)
        if self._border or self._line:
            for image, hidden in zip(out, how.hidden.tolist(), strict=True):
                self._bound(image, hidden)
        return out

    def _noise_of(self, begins: np.ndarray) -> np.ndarray:
        height, width = self._shape
        bank = _noise_bank(self._noise, height * width)
        fields = [bank[begin : begin + height * width] for begin in begins.tolist()]
        return np.stack(fields).reshape(len(begins), height, width)

    def _bound(self, image: np.ndarray, hidden: list[int]) -> None:
        """Blacken what was not exposed, and draw the frame."""
        top, bottom, left, right = hidden
        height, width = image.shape
        inside = image[top : height - bottom, left : width - right].copy()
        image[:] = 0
        if self._line:
            for edge in (np.s_[: self._line], np.s_[-self._line :]):
                inside[edge] = inside[:, edge] = _LINE
        image[top : height - bottom, left : width - right] = inside

    def covered(self, how: Exposures) -> np.ndarray | None:
        """(n, 4) rows and columns of each side that show no ink; None where all do."""
        return how.hidden + self._line if self._border or self._line else None


@cache
def _noise_bank(deviation: int, more: int) -> np.ndarray:
    """int32 noise in grey levels; ``deviation`` in 1/256. Images begin at different places of it."""
    raw = words(chain_array(chain("noise"), np.arange((_BANK + more + 7) // 8)), 8).ravel()
    total = np.sum([field(raw, shift, 1 << 16) for shift in (0, 16, 32, 48)], axis=0) - 2 * 65535
    bank = (total * deviation // (_SPREAD * 256)).astype(np.int32)
    bank.setflags(write=False)
    return bank


def _blurred(images: np.ndarray, variance: int) -> np.ndarray:
    """Blur by a three-pixel kernel along both axes, as often as the variance (in 1/1024) needs."""
    passes = -(-variance // (_UNIT // 2))
    side = variance // passes // 2
    for _ in range(passes):
        for axis in (1, 2):
            wide = np.pad(images, [(1, 1) if a == axis else (0, 0) for a in range(3)], "edge")
            before, after = (np.s_[:, :-2], np.s_[:, 2:]) if axis == 1 else (
                np.s_[:, :, :-2], np.s_[:, :, 2:])  # fmt: skip
            images = (images * (_UNIT - 2 * side) + (wide[before] + wide[after]) * side) >> 10
    return images
