"""The promise of equal decoded pixels; imports synth, NumPy and pytest only.

Run alone on another Python or NumPy. After a knowing change of pixels, raise the generator's
version and rewrite the manifest with `python -m tests.synth.test_determinism`.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import synth
from synth import KINDS, AnatomyConfig, DigitAnatomy
from synth.draws import Draws, chain, mix, mix_array
from synth.population import POPULATIONS
from synth.version import VERSIONS

MANIFEST = Path(__file__).with_name("pixels.json")
SECOND_MANIFEST = Path(__file__).with_name("pixels-2.json")
CASES = {
    "plain": {},
    "hard": {"difficulty": 1.0, "seed": 5},
    "halfway": {"difficulty": 0.37, "seed": 2**40},
    "grid": {"rows": 2, "cols": 5, "order": "0314159265", "cell": 45, "difficulty": 0.6},
}
SECOND = {
    "plain": {},
    "hard": {"difficulty": 1.0, "seed": 5, "starts": 3},
    "hands": {"population": POPULATIONS["other-hands"], "strength": 0.7},
    "scanner": {"population": POPULATIONS["other-scanner"], "difficulty": 0.37},
    "grid": {"rows": 2, "cols": 5, "order": "0314159265", "cell": 45, "difficulty": 0.6},
}
SOURCES = ("strokes", "optdigits", "npz")


def digests(source: str, path: str, parameters: dict) -> dict[str, str]:
    """sha256 of images and masks by split and kind."""
    digits = path if source == "npz" else source
    anatomy = DigitAnatomy(AnatomyConfig(digits=digits, **parameters))
    found = {}
    for split in synth.SPLITS:
        for kind in anatomy.kinds:
            sha = hashlib.sha256()
            for sample in anatomy.samples(split, kind, [*range(6), 10**12]):
                sha.update(sample.image.tobytes() + sample.mask.tobytes())
            found[f"{split}/{kind}"] = sha.hexdigest()
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("source", SOURCES)
def test_pixels_equal_the_committed_manifest(source, case, npz):
    if source == "optdigits":
        pytest.importorskip("sklearn")
    expected = json.loads(MANIFEST.read_text())
    assert expected["version"] == synth.__version__
    assert digests(source, str(npz), CASES[case]) == expected["pixels"][f"{source}/{case}"]


@pytest.mark.parametrize(
    ("source", "case"),
    [
        pytest.param(
            source, case, marks=pytest.mark.slow if source != "strokes" and case != "hands" else ()
        )
        for source in SOURCES
        for case in SECOND
    ],
)
def test_pixels_of_generator_2_equal_the_committed_manifest(source, case, npz):
    if source == "optdigits" or case == "hands":
        pytest.importorskip("sklearn")
    expected = json.loads(SECOND_MANIFEST.read_text())
    assert expected["version"] == VERSIONS[2]
    parameters = SECOND[case] | {"generator": 2}
    assert digests(source, str(npz), parameters) == expected["pixels"][f"{source}/{case}"]


def test_sample_does_not_depend_on_order_or_company():
    first, second = DigitAnatomy(), DigitAnatomy()
    for kind in KINDS:
        forward = first.samples("test", kind, range(8))
        backward = [second.sample("test", kind, index) for index in reversed(range(8))][::-1]
        for one, other in zip(forward, backward, strict=True):
            assert np.array_equal(one.image, other.image)
            assert np.array_equal(one.mask, other.mask)
            assert one.cells == other.cells


def test_images_are_those_of_samples():
    anatomy = DigitAnatomy(AnatomyConfig(difficulty=0.5))
    indices = [3, 0, 700, 3]
    for kind in KINDS:
        images = anatomy.images("val", kind, indices)
        expected = [anatomy.sample("val", kind, index).image for index in indices]
        assert np.array_equal(images, np.stack(expected))


def test_batches_of_images_join_without_a_seam():
    anatomy = DigitAnatomy()
    assert np.array_equal(
        anatomy.images("train", "normal", range(600))[255:258],
        anatomy.images("train", "normal", [255, 256, 257]),
    )


def test_seed_split_kind_and_index_all_change_the_image():
    anatomy, reseeded = DigitAnatomy(), DigitAnatomy(AnatomyConfig(seed=1))
    images = [
        anatomy.sample("train", "normal", 0).image,
        anatomy.sample("train", "normal", 1).image,
        anatomy.sample("val", "normal", 0).image,
        anatomy.twin("train", "novel", 0).image,
        reseeded.sample("train", "normal", 0).image,
    ]
    assert len({image.tobytes() for image in images}) == len(images)


def test_array_and_integer_mixers_agree():
    values = [0, 1, 2**63, 2**64 - 1, 0x9E3779B97F4A7C15]
    assert mix_array(np.array(values, np.uint64)).tolist() == [mix(value) for value in values]


def test_mixer_is_splitmix64():
    # The first outputs of the reference implementation seeded with 0.
    assert [mix(0), mix(0x9E3779B97F4A7C15)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_keys_tell_apart_order_names_and_sizes():
    keys = [chain(1, 2), chain(2, 1), chain("ab"), chain("ba"), chain(1), chain(1, 0), chain(2**64)]
    assert len(set(keys)) == len(keys)


def test_shuffling_keeps_every_item():
    assert sorted(Draws(7).shuffled(range(9))) == list(range(9))


def _write_manifest() -> None:
    import tempfile

    from tests.synth.conftest import make_glyphs

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "glyphs.npz")
        images, labels = make_glyphs()
        np.savez(path, images=images, labels=labels)
        for manifest, generator, cases in ((MANIFEST, 1, CASES), (SECOND_MANIFEST, 2, SECOND)):
            pixels = {
                f"{source}/{case}": digests(
                    source, str(path), cases[case] | {"generator": generator}
                )
                for source in SOURCES
                for case in cases
            }
            content = {"version": VERSIONS[generator], "pixels": pixels}
            manifest.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    _write_manifest()
