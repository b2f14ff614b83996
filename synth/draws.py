"""Counter-based random integers: the same key gives the same bits on every NumPy and Python.

NumPy's own generators promise a stable *bit stream* but not stable ``integers()`` or
``permutation()``, so the kit hashes counters instead. The mixer is SplitMix64 (Steele, Lea and
Flood, 2014), written once for arrays and once for Python integers; a test holds the two equal.
"""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_MASK = (1 << 64) - 1
_Item = TypeVar("_Item")


def mix(value: int) -> int:
    """Scramble one 64-bit integer (SplitMix64's finaliser after one increment)."""
    z = (value + _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


def mix_array(values: np.ndarray) -> np.ndarray:
    """Scramble a uint64 array element by element, exactly as ``mix`` does."""
    z = values + np.uint64(_GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
    return z ^ (z >> np.uint64(31))


def chain(*parts: int | str) -> int:
    """Hash a sequence of integers and ASCII names to one 64-bit key; order matters.

    Raises:
        UnicodeEncodeError: a name is not ASCII.
    """
    key = 0
    for part in parts:
        number = int.from_bytes(part.encode("ascii"), "little") if isinstance(part, str) else part
        while True:
            key = mix(key ^ mix(number & _MASK))
            number >>= 64
            if number in (0, -1):
                break
    return key


def chain_array(key: int, counters: np.ndarray) -> np.ndarray:
    """``chain`` continued by one counter each.

    Args:
        key: what ``chain`` gave.
        counters: whole numbers of any shape, not negative.

    Returns:
        uint64 keys of the shape of ``counters``.
    """
    return mix_array(np.uint64(key) ^ mix_array(np.asarray(counters).astype(np.uint64)))


def words(keys: np.ndarray, count: int) -> np.ndarray:
    """Draw raw 64-bit words for each key.

    Args:
        keys: uint64 of any shape.
        count: words of each key.

    Returns:
        (*keys.shape, count) uint64.
    """
    return chain_words(keys[..., None], np.arange(1, count + 1, dtype=np.uint64))


def chain_words(keys: np.ndarray, counters: np.ndarray) -> np.ndarray:
    """Words of each key's stream by their numbers.

    Args:
        keys, counters: uint64, of shapes that broadcast together.

    Returns:
        uint64 of the broadcast shape.
    """
    return mix_array(keys ^ (counters * np.uint64(_GOLDEN)))


def field(raw: np.ndarray, shift: int, below: int | np.ndarray) -> np.ndarray:
    """Map 16 bits of each raw word to a whole number in [0, below).

    Args:
        raw: uint64 words of any shape.
        shift: the lowest of the 16 bits.
        below: at most 65,536; the bias of the multiply-and-shift is under below / 65,536.

    Returns:
        int64 of the shape of ``raw``.
    """
    bits = ((raw >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    return (bits * below) >> 16


class Draws:
    """A stream of integers for one sample, drawn one after another from its key."""

    def __init__(self, key: int) -> None:
        self._state = key

    def below(self, stop: int) -> int:
        """An integer in [0, stop)."""
        self._state = (self._state + _GOLDEN) & _MASK
        return (mix(self._state) * stop) >> 64

    def shuffled(self, items: Iterable[_Item]) -> list[_Item]:
        """The items in a random order."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
