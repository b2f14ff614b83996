from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from simsid.data.images import read_image
from simsid.data.preprocess import Preprocessing
from simsid.errors import ImageError

RAMP8 = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
RAMP16 = np.tile(np.arange(64, dtype=np.uint16) * 1000, (48, 1))


def write(folder, name: str, array: np.ndarray, **options):
    path = folder / name
    Image.fromarray(array).save(path, **options)
    return path


def code_of(path, **options) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(path, **options)
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.webp"])
def test_eight_bit_grey_is_divided_by_255(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    image = read_image(write(tmp_path, name, RAMP8, **options))
    assert image.dtype == np.float32
    assert image.shape == (48, 64)
    assert image == pytest.approx(RAMP8 / 255, abs=1e-6)


def test_jpeg_is_close(tmp_path):
    image = read_image(write(tmp_path, "a.jpg", RAMP8, quality=95))
    assert np.abs(image - RAMP8 / 255).max() < 0.03


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_divided_by_65535_and_never_stretched(tmp_path, name):
    image = read_image(write(tmp_path, name, RAMP16))
    assert image == pytest.approx(RAMP16 / 65535, abs=1e-6)
    assert image.max() < 0.97


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_white_is_zero_in_tiff_is_turned_round(tmp_path, byteorder):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RAMP16, photometric="miniswhite", byteorder=byteorder)
    assert read_image(path) == pytest.approx(1 - RAMP16 / 65535, abs=1e-6)


def test_float_tiff_is_taken_as_it_is_and_must_lie_in_range(tmp_path):
    path = tmp_path / "a.tif"
    ramp = RAMP8.astype(np.float32) / 255
    tifffile.imwrite(path, ramp)
    assert read_image(path) == pytest.approx(ramp)
    tifffile.imwrite(path, ramp * 3)
    assert code_of(path) == "out_of_range"
    ramp[3, 3] = np.nan
    tifffile.imwrite(path, ramp)
    assert code_of(path) == "not_finite"


def test_grey_in_any_colour_mode_is_the_same_grey(tmp_path):
    rgb = np.stack([RAMP8] * 3, -1)
    opaque = np.dstack([rgb, np.full(RAMP8.shape, 255, np.uint8)])
    palette = Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    palette.save(tmp_path / "p.png")
    paths = [
        write(tmp_path, "rgb.png", rgb),
        write(tmp_path, "rgba.png", opaque),
        write(tmp_path, "la.png", opaque[..., [0, 3]]),
        tmp_path / "p.png",
    ]
    for path in paths:
        assert read_image(path) == pytest.approx(RAMP8 / 255, abs=1e-6), path.name


def test_transparent_pixels_become_black(tmp_path):
    alpha = np.full(RAMP8.shape, 255, np.uint8)
    alpha[:, 40:] = 0
    image = read_image(write(tmp_path, "la.png", np.dstack([RAMP8, alpha])))
    assert (image[:, 40:] == 0).all()
    assert image[0, 39] == pytest.approx(156 / 255)


@pytest.mark.parametrize(("orientation", "turned"), [(3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_applied(tmp_path, orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(write(tmp_path, "a.png", RAMP8, exif=exif))
    assert image == pytest.approx(np.rot90(RAMP8, turned) / 255, abs=1e-6)


def test_each_bad_file_has_its_code(tmp_path):
    good = write(
        tmp_path, "good.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    )
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:2000])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("this is no picture")
    frames = [Image.fromarray(RAMP8), Image.fromarray(RAMP8[:, ::-1])]
    frames[0].save(tmp_path / "film.webp", save_all=True, append_images=frames[1:])
    assert code_of(tmp_path / "none.png") == "missing"
    assert code_of(tmp_path) == "not_an_image"
    assert code_of(tmp_path / "empty.png") == "empty"
    assert code_of(tmp_path / "text.png") == "not_an_image"
    assert code_of(tmp_path / "cut.png") == "truncated"
    assert code_of(tmp_path / "film.webp") == "animated"
    assert code_of(write(tmp_path, "small.png", RAMP8[:31])) == "too_small"
    assert code_of(write(tmp_path, "flat.png", np.full((40, 40), 7, np.uint8))) == "constant"
    assert code_of(good, max_pixels=1000) == "too_large"


def test_a_bomb_is_refused_by_its_header_without_a_warning(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert code_of(path) == "too_large"


def test_preprocessing_only_rounds_an_image_that_fits():
    image = np.random.default_rng(0).random((32, 48)).astype(np.float32)
    applied = Preprocessing((32, 48)).apply(image)
    assert np.abs(applied - image).max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(Preprocessing((32, 48)).apply(applied), applied)


def test_preprocessing_averages_when_it_shrinks():
    checks = np.indices((128, 128)).sum(0).astype(np.float32) % 2
    small = Preprocessing((32, 32)).apply(checks)
    assert small.shape == (32, 32)
    assert small.dtype == np.float32
    assert np.abs(small - 0.5).max() < 0.05  # without antialiasing it would be 0 or 1


def test_sixteen_bit_colour_tiff_is_read_at_full_depth(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([RAMP16] * 3, -1), photometric="rgb")
    assert read_image(path) == pytest.approx(RAMP16 / 65535, abs=1e-6)
    tifffile.imwrite(path, np.stack([RAMP16] * 2), photometric="minisblack")
    assert code_of(path) == "animated"
