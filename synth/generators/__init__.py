"""The generators: what each draws, and the one interface that ``DigitAnatomy`` asks.

Generator 1 draws every cell by itself: its glyph, its size, its place. Generator 2 draws a hand, a
size and a place for the image, from which its cells differ little, so that a cell may be wrong
only beside the others; it knows more kinds, starts, and populations.
"""

from synth.config import AnatomyConfig
from synth.generators.base import Generator
from synth.generators.first import FirstGenerator
from synth.generators.second import SecondGenerator

__all__ = ["Generator", "open_generator"]


def open_generator(config: AnatomyConfig) -> Generator:
    """The generator that a configuration names; opens its glyphs.

    Raises:
        SynthError: a glyph source cannot be read.
    """
    return (FirstGenerator if config.generator == 1 else SecondGenerator)(config)
