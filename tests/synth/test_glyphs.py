import gzip
import struct
import urllib.error
from pathlib import Path

import numpy as np
import pytest

from synth import SPLITS, AnatomyConfig, DigitAnatomy, SynthError
from synth.book import GlyphBook
from synth.draws import chain, chain_array, words
from synth.glyphs import SOURCES, open_source
from synth.glyphs.labelled import LabelledGlyphs
from synth.glyphs.strokes import COUNTS, StrokeGlyphs, slants
from tests.synth.conftest import make_glyphs

HANDWRITING = Path(__file__).parents[3] / "shared/data/digits/handwritten7k.npz"


def as_set(glyphs: np.ndarray) -> set[bytes]:
    return {glyph.tobytes() for glyph in glyphs}


@pytest.mark.parametrize("name", ["strokes", "optdigits", "npz"])
def test_parts_share_no_glyph(name, npz):
    source = open_source(str(npz) if name == "npz" else name)
    for label in (0, 1, 8):
        parts = [as_set(source.glyphs(split, label)) for split in SPLITS]
        assert len(set.union(*parts)) == sum(len(part) for part in parts)


def test_stroke_parameters_are_disjoint_by_construction():
    for split in SPLITS:
        raw = words(chain_array(chain("any"), np.arange(5000)), 1)
        residues = set(((slants(split, raw) + 130) % 3).tolist())
        assert residues == {SPLITS.index(split)}


def test_stroke_glyphs_are_all_different_and_stay_inside():
    for label in range(10):
        glyphs = StrokeGlyphs().glyphs("train", label)
        assert glyphs.shape == (COUNTS["train"], 64, 64) and glyphs.dtype == np.uint8
        assert len(as_set(glyphs)) > 0.99 * len(glyphs)
        border = np.concatenate([glyphs[:, [0, -1]].ravel(), glyphs[:, :, [0, -1]].ravel()])
        assert not border.any()
        assert glyphs.max(axis=(1, 2)).min() == 255


def test_stroke_digits_are_recognisable_and_none_repeats_a_training_glyph():
    def tiles(split, count):
        book = GlyphBook(StrokeGlyphs(), split, tuple(range(10)), (16,))
        ids = np.concatenate([book.starts[label] + np.arange(count) for label in range(10)])
        return book.scaled(ids, 16).reshape(10 * count, -1).astype(np.float64)

    train, test = tiles("train", 200), tiles("test", 40)
    distance = (test**2).sum(1)[:, None] + (train**2).sum(1)[None] - 2 * test @ train.T
    nearest = distance.argmin(axis=1) // 200
    assert (nearest == np.arange(400) // 40).mean() > 0.9
    assert distance.min() > 0


def test_division_depends_on_the_file_alone_and_leaves_no_part_empty():
    images, labels = make_glyphs(each=3)
    source = LabelledGlyphs(images, labels, "here")
    again = LabelledGlyphs(images, labels.astype(np.uint8), "elsewhere")
    assert source.fingerprint == again.fingerprint
    for split in SPLITS:
        assert np.array_equal(source.glyphs(split, 4), again.glyphs(split, 4))
        assert len(source.glyphs(split, 4)) == 1


def test_equal_pictures_are_counted_once():
    images, labels = make_glyphs(each=5)
    source = LabelledGlyphs(np.concatenate([images] * 2), np.concatenate([labels] * 2), "twice")
    assert sum(len(source.glyphs(split, 7)) for split in SPLITS) == len(as_set(images[labels == 7]))


def test_optdigits_are_smoothly_enlarged():
    glyphs = open_source("optdigits").glyphs("train", 3)
    assert glyphs.shape[1:] == (40, 40)
    steps = np.abs(np.diff(glyphs.astype(int), axis=2))
    assert steps.max() < 200, "no jump from paper to ink between two pixels"


BAD_FILES = {
    "labels missing": (lambda i, y: {"images": i}, "lacks labels"),
    "float images": (lambda i, y: {"images": i / 255, "labels": y}, "must be uint8"),
    "NaN": (lambda i, y: {"images": np.where(i > 0, np.nan, 0), "labels": y}, "NaN"),
    "flat images": (lambda i, y: {"images": i.reshape(len(i), -1), "labels": y}, r"\(n, h, w\)"),
    "short labels": (lambda i, y: {"images": i, "labels": y[:-1]}, "labels must have shape"),
    "text labels": (lambda i, y: {"images": i, "labels": y.astype(str)}, "whole numbers"),
    "large labels": (lambda i, y: {"images": i, "labels": y + 3}, "0-9"),
    "objects": (lambda i, y: {"images": i, "labels": y.astype(object)}, "cannot be read"),
    "no nines": (lambda i, y: {"images": i[y < 9], "labels": y[y < 9]}, "digit 9"),
    "blank": (lambda i, y: {"images": i * 0, "labels": y}, "too few glyphs"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_npz_is_refused_by_name(case, tmp_path):
    make, message = BAD_FILES[case]
    path = tmp_path / "bad.npz"
    np.savez(path, **make(*make_glyphs()))
    with pytest.raises(SynthError, match=message) as caught:
        DigitAnatomy(AnatomyConfig(digits=str(path))).sample("test", "normal", 0)
    assert "bad.npz" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_corrupt_npz_is_refused_by_name(content, tmp_path):
    path = tmp_path / "corrupt.npz"
    path.write_bytes(content)
    with pytest.raises(SynthError, match=r"corrupt\.npz: cannot be read"):
        open_source(str(path))


def test_truncated_npz_is_refused_by_name(npz):
    npz.write_bytes(npz.read_bytes()[:-200])
    with pytest.raises(SynthError, match="cannot be read"):
        open_source(str(npz))


def test_unknown_source_and_absent_file_say_what_to_do():
    with pytest.raises(SynthError, match=r"strokes, optdigits, mnist or the path"):
        open_source("letters")
    with pytest.raises(SynthError, match="no such file"):
        open_source("nowhere.npz")


def write_idx(path: Path, array: np.ndarray, packed: bool) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_reads_idx_files_where_torchvision_puts_them(packed, tmp_path):
    images, labels = make_glyphs()
    end = ".gz" if packed else ""
    for part in ("train", "t10k"):
        raw = tmp_path / "MNIST/raw"
        write_idx(raw / f"{part}-images-idx3-ubyte{end}", images, packed)
        write_idx(raw / f"{part}-labels-idx1-ubyte{end}", labels, packed)
    source = SOURCES["mnist"](str(tmp_path))
    assert as_set(source.glyphs("test", 2)) == as_set(images[labels == 2])
    train, val = source.glyphs("train", 2), source.glyphs("val", 2)
    assert as_set(train) | as_set(val) == as_set(images[labels == 2])
    assert not as_set(train) & as_set(val)


def test_mnist_without_network_says_where_files_belong(tmp_path, monkeypatch):
    def offline(*arguments, **keywords):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(SynthError, match=r"could not be downloaded.*put the four idx files"):
        open_source("mnist", str(tmp_path))
    with pytest.raises(SynthError, match="digits_root"):
        open_source("mnist")


def test_mnist_refuses_a_file_that_is_no_idx(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"<html>not found</html>")
    with pytest.raises(SynthError, match="cannot be read as an idx file"):
        open_source("mnist", str(tmp_path))


@pytest.mark.skipif(not HANDWRITING.exists(), reason="the handwriting file is not here")
def test_real_handwriting_makes_every_kind():
    anatomy = DigitAnatomy(AnatomyConfig(digits=str(HANDWRITING)))
    for kind in anatomy.kinds:
        for sample in anatomy.samples("test", kind, range(20)):
            assert sample.mask.any() == (kind != "normal")
