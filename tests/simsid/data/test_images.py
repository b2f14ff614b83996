from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image

from simsid.data.find import find_images
from simsid.data.images import read_film, read_image
from simsid.data.preprocess import Preprocessing
from simsid.errors import ImageError
from tests.simsid.data.make_files import chunk, deep_png, dicom, film16, npy, picture, png, tiff

RAMP8 = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
RAMP16 = np.tile(np.arange(64, dtype=np.uint16) * 1000, (48, 1))


# EXIF orientation: (mirrored left to right, then quarter turns anti-clockwise) to stand upright
TURNS = dict(
    zip(range(1, 9), [(0, 0), (1, 0), (0, 2), (1, 2), (1, 1), (0, 3), (1, 3), (0, 1)], strict=True)
)


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


def test_white_is_zero_in_floating_point_and_beside_transparency_too():
    ramp = RAMP16 / np.float32(65535)
    assert read_image(tiff(ramp, photometric="miniswhite")) == pytest.approx(1 - ramp, abs=1e-6)
    opacity = np.where(np.arange(64) < 40, 65535, 0).astype(np.uint16)
    layers = np.dstack([RAMP16, np.tile(opacity, (48, 1))])
    options = {"photometric": "miniswhite", "extrasamples": ["unassalpha"]}
    image = read_image(tiff(layers, planarconfig="contig", **options))
    assert image[:, :40] == pytest.approx(1 - ramp[:, :40], abs=1e-6)
    assert (image[:, 40:] == 0).all()


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
    path.write_bytes(png(20_000, 20_000, 1, 0, b""))
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


@pytest.mark.parametrize("kind", ["grey", "grey+alpha", "rgb", "rgba"])
def test_sixteen_bit_png_keeps_its_bits_in_every_colour(kind):
    film, opaque = film16(), np.full((48, 64), 65535, np.uint16)
    channels = [film] * (3 if kind.startswith("rgb") else 1) + [opaque] * kind.endswith("a")
    film_read = read_film(deep_png(channels[0] if len(channels) == 1 else np.dstack(channels)))
    assert film_read.pixels == pytest.approx(film / 65535, abs=1e-6)
    assert (film_read.format, film_read.bits, film_read.photometric) == ("PNG", 16, kind)


def test_transparency_of_16_bit_png_becomes_black():
    film, alpha = film16(), np.full((48, 64), 65535, np.uint16)
    alpha[:, 40:] = 0
    image = read_image(deep_png(np.dstack([film, alpha])))
    assert (image[:, 40:] == 0).all()
    assert image[:, :40] == pytest.approx(film[:, :40] / 65535, abs=1e-6)
    key = int(film[3, 3])
    image = read_image(deep_png(film, chunk(b"tRNS", key.to_bytes(2, "big"))))
    assert (image[film == key] == 0).all()


@pytest.mark.parametrize("encode", [deep_png, tiff, npy])
@pytest.mark.parametrize(("bits", "warnings"), [(8, 1), (12, 1), (16, 0)])
def test_twelve_bits_in_a_sixteen_bit_file_are_told_by_the_highest_value(encode, bits, warnings):
    film = film16() >> (16 - bits)
    found = read_film(encode(film))
    assert found.bits == bits
    assert found.warnings == ("depth_guessed",) * warnings
    assert found.pixels == pytest.approx(film / (2**bits - 1), abs=1e-6)


def test_a_declared_depth_counts_when_all_values_fit_it():
    film, ten_bits = film16(), chunk(b"sBIT", bytes([10]))
    raw = read_film(deep_png(film >> 6, ten_bits))
    assert (raw.bits, raw.warnings) == (10, ())
    assert raw.pixels == pytest.approx((film >> 6) / 1023, abs=1e-6)
    scaled = read_film(deep_png(film >> 6 << 6, ten_bits))  # as PNG's standard has it
    assert (scaled.bits, scaled.warnings) == (16, ())
    told = read_film(tiff(film >> 2, extratags=[(281, "H", 1, 16383, False)]))
    assert (told.bits, told.warnings) == (14, ())


def test_cmyk_is_grey():
    rgb = Image.fromarray(np.stack([RAMP8] * 3, -1))
    for kind, options in (("TIFF", {}), ("JPEG", {"quality": 95})):
        film = read_film(picture(rgb.convert("CMYK"), kind, **options))
        assert film.photometric == "cmyk"
        assert np.abs(film.pixels - RAMP8 / 255).max() < 0.03


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright_from_every_format(orientation):
    rows, cols = np.mgrid[0:48, 0:64]
    upright = np.clip(rows * 3 + cols, 0, 255).astype(np.uint8)
    mirrored, turns = TURNS[orientation]
    stored = np.rot90(upright, -turns)
    stored = np.ascontiguousarray(stored[:, ::-1] if mirrored else stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    deep = np.stack([stored.astype(np.uint16) * 257] * 3, -1)
    tag = [(274, "H", 1, orientation, False)]
    files = [
        picture(stored, "PNG", exif=exif),
        picture(stored, "JPEG", exif=exif, quality=100),
        picture(stored, "WEBP", exif=exif, lossless=True),
        picture(stored, "TIFF", exif=exif),
        tiff(deep, photometric="rgb", extratags=tag),
        tiff(deep[..., 0], extratags=tag),
        deep_png(deep, chunk(b"eXIf", exif.tobytes()[6:])),
    ]
    for index, data in enumerate(files):
        assert np.abs(read_image(data) - upright / 255).max() < 0.02, index


def test_arrays_and_numpy_files_are_films_too(tmp_path):
    film = film16()
    (tmp_path / "a.npy").write_bytes(npy(film))
    for source in (film, npy(film), npy(np.asfortranarray(film)), tmp_path / "a.npy"):
        assert read_image(source) == pytest.approx(film / 65535, abs=1e-6)
    assert read_film(npy(film / 65535)).bits == 32
    assert read_image(film > 30_000).max() == 1
    with pytest.raises(ImageError, match="uint8") as caught:
        read_image(film.astype(np.int64))
    assert caught.value.code == "unsupported"


def test_messages_name_the_file_and_not_its_folder(tmp_path):
    folder = tmp_path / "jane_doe"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"nothing")
    for path in (folder / "a.png", folder / "b.png"):
        with pytest.raises(ImageError, match=path.name) as caught:
            read_image(path)
        assert "jane_doe" not in str(caught.value)


def test_threads_leave_the_warning_filters_as_they_were():
    before, data = warnings.filters[:], picture(RAMP8)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_image, [data] * 64))
    assert warnings.filters == before


def test_dicom_and_numpy_files_are_found_in_folders_by_name_or_by_content(tmp_path):
    for name in ("a.dcm", "b.DICOM", "c.npy", "IM0001", "1.2.840.10008"):
        (tmp_path / name).write_bytes(dicom(film16()))
    (tmp_path / "notes.txt").write_text("BMI, II*, DICM")
    found = [path.name for path in find_images([str(tmp_path)])]
    assert found == ["1.2.840.10008", "IM0001", "a.dcm", "b.DICOM", "c.npy"]
    (named,) = find_images([str(tmp_path / "IM0001")])
    assert read_film(named).format == "DICOM"
