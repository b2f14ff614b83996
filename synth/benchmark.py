"""How fast images are composed, beside a plain Pillow implementation: python -m synth.benchmark."""

import random
import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from synth.anatomy import DigitAnatomy
from synth.cli import run_command
from synth.compose import tile_sizes
from synth.config import AnatomyConfig
from synth.glyphs import open_source
from synth.population import load_population
from synth.usage import Parser

_ROUNDS = 3


def with_pillow(glyphs: list[list[Image.Image]], config: AnatomyConfig, count: int) -> np.ndarray:
    """Compose images the plain way: for every cell a resize and a paste at random.

    Args:
        glyphs: for each cell in reading order, the pictures to choose from.
        config: the anatomy whose grid is filled.
        count: number of images.

    Returns:
        (count, height, width) uint8.
    """
    sizes, cell = tile_sizes(config.cell), config.cell
    height, width = config.shape
    images = np.empty((count, height, width), np.uint8)
    for number in range(count):
        image = Image.new("L", (width, height))
        for index, some in enumerate(glyphs):
            row, col = divmod(index, config.cols)
            size = random.choice(sizes)
            glyph = random.choice(some).resize((size, size), Image.Resampling.BILINEAR)
            top, left = random.randint(0, cell - size), random.randint(0, cell - size)
            image.paste(glyph, (col * cell + left, row * cell + top))
        images[number] = np.asarray(image)
    return images


def images_per_second(compose: Callable[[int], object], count: int) -> float:
    """Best of three rounds, after one to warm up."""
    compose(count)
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        compose(count)
        best = min(best, time.perf_counter() - start)
    return count / best


def measure(config: AnatomyConfig, count: int) -> tuple[float, float, float]:
    """Time this package and the plain way.

    Returns:
        Seconds for the first ``count`` images from cold, images per second, and Pillow's images
        per second.
    """
    start = time.perf_counter()
    anatomy = DigitAnatomy(config)
    anatomy.images("train", "normal", range(count))
    first = time.perf_counter() - start
    source = open_source(config.digits, config.digits_root)
    sheets = [source.glyphs("train", label)[:200] for label in config.labels]
    if config.digits == "strokes":
        sheets = [sheet[:, 8:-8, 8:-8] for sheet in sheets]
    glyphs = [[Image.fromarray(glyph) for glyph in sheet] for sheet in sheets]
    ours = images_per_second(lambda n: anatomy.images("train", "normal", range(n)), count)
    pillow = images_per_second(lambda n: with_pillow(glyphs, config, n), count // 4)
    return first, ours, pillow


def main() -> int:
    """Print images a second of both, and their ratio."""
    parser = Parser(prog="python -m synth.benchmark", description=__doc__)
    parser.add_argument("--digits", default="strokes", help="glyph source (default: strokes)")
    parser.add_argument("--digits-root", default=None, help="folder of idx files for mnist")
    parser.add_argument("--generator", type=int, default=1, help="1 or 2 (default: 1)")
    parser.add_argument("--population", default=None, help="of generator 2: a name or a file")
    parser.add_argument("--images", type=int, default=4000, help="images per round (default: 4000)")
    options = parser.parse_args()
    population = None if options.population is None else load_population(options.population)
    config = AnatomyConfig(
        digits=options.digits,
        digits_root=options.digits_root,
        generator=options.generator,
        population=population,
    )
    first, ours, pillow = measure(config, options.images)
    height, width = config.shape
    print(f"{height} x {width} px, digits {config.digits}, one core")
    print(f"first {options.images} images, from cold  {first:8.2f} s")
    print(f"synth                       {ours:10.0f} images/s  {1e6 / ours:7.1f} us each")
    print(f"plain Pillow                {pillow:10.0f} images/s  {1e6 / pillow:7.1f} us each")
    print(f"ratio                       {ours / pillow:10.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
