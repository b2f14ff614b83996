"""Small glyph files made without any random generator, so that they are equal everywhere."""

import numpy as np
import pytest

from synth.draws import chain, chain_array, field


def make_glyphs(each: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Ten 'digits' of random bars on 20 x 20 pixels, `each` variants of every one."""
    labels = np.repeat(np.arange(10), each)
    images = np.zeros((len(labels), 20, 20), np.uint8)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        shape = chain_array(chain("bars", int(label)), np.arange(4))
        nudge = chain_array(chain("nudge", number), np.arange(4))
        for bar in range(4):
            y, x = (int(field(shape[bar : bar + 1], s, 12)[0]) for s in (0, 16))
            y, x = (v + int(field(nudge[bar : bar + 1], s, 4)[0]) for v, s in ((y, 0), (x, 16)))
            tall = bar % 2
            image[y : y + (12 if tall else 3), x : x + (3 if tall else 12)] = 255 - 30 * bar
    return images, labels


@pytest.fixture
def npz(tmp_path):
    """Path of a valid glyph file."""
    path = tmp_path / "glyphs.npz"
    images, labels = make_glyphs()
    np.savez(path, images=images, labels=labels)
    return path
