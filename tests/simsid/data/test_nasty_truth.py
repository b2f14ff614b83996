"""Masks and manifests that are nastier than usual: truth and patients are read, refused or told unknown."""

from __future__ import annotations

import io
import os
import unicodedata
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from simsid.data.film import Film
from simsid.data.films import check_patients
from simsid.data.mask_file import MaskError, read_mask
from simsid.errors import DataError
from tests.simsid.data import trees
from tests.simsid.data.make_files import png
from tests.simsid.data.test_manifest_files import PATIENTS, films, sides, split_of, table, write
from tests.simsid.data.test_pixel_truth import (
    MARKED,
    ONES,
    SIZE,
    array,
    colours,
    encoded,
    known,
    palette,
    small_set,
    test_of,
)
from tests.simsid.data.test_pixel_truth import write as write_mask

test_of.__test__ = False
GREY = ONES * 255
CLASSES = np.where(np.arange(64) % 2, ONES * 3, ONES * 200).astype(np.uint8)


def packed(bits):
    """A grey PNG of fewer bits than 8."""
    values = np.where(MARKED, 2**bits - 1, 0).astype(np.uint8)
    spread = (values[..., None] >> np.arange(bits)[::-1] & 1).reshape(64, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(spread, axis=1))
    return png(64, 64, bits, 0, zlib.compress(rows))


def turned(orientation, kind="PNG"):
    """Stored turned, with the word of EXIF on how to turn it back."""
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90,
            8: Image.Transpose.ROTATE_270, 2: Image.Transpose.FLIP_LEFT_RIGHT}  # fmt: skip
    told = Image.Exif()
    told[0x0112] = orientation
    return encoded(Image.fromarray(GREY).transpose(back[orientation]), kind, exif=told.tobytes())


def tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


MASKS = {
    **{f"turned by EXIF {word}": turned(word) for word in (2, 3, 6, 8)},
    "TIFF turned by EXIF": turned(6, "TIFF"),
    "1 bit": packed(1), "2 bits": packed(2), "4 bits": packed(4),
    "palette with a transparent entry": encoded(
        palette([255, 255, 255, 255, 0, 0]), transparency=0),
    "white is zero, as it looks": tiff(255 - GREY, photometric="miniswhite"),
    "16 bits below 0": tiff(ONES.astype(np.int16) * -1),
    "floating point below 0": tiff(-ONES.astype(np.float32)),
    "the least floating point": tiff(ONES.astype(np.float32) * 1e-38),
    "32 bits without a sign": tiff(ONES.astype(np.uint32) * 70_000),
    "colours in planes": tiff(
        np.moveaxis(colours((0, 0, 9), (0, 0, 0)), -1, 0), photometric="rgb", planarconfig="separate"),
    "tiles": tiff(GREY, tile=(16, 16)), "big-endian TIFF": tiff(ONES.astype(np.uint16), byteorder=">"),
    "PGM": encoded(GREY, "PPM"), "TGA": encoded(GREY, "TGA"), "GIF with a transparent 0": encoded(
        palette([0, 0, 0, 255, 255, 255]), "GIF", transparency=0),
    "JPEG 2000 of classes": encoded(CLASSES, "JPEG2000"),
    "NumPy of columns": array(np.asfortranarray(MARKED)),
    "NumPy, big-endian": array(ONES.astype(">i4")), "NumPy of 64 bits": array(ONES.astype(np.int64) << 40),
}  # fmt: skip


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_is_read_as_it_looks(kind, tmp_path):
    (tmp_path / "m").write_bytes(MASKS[kind])
    found = read_mask(tmp_path / "m", SIZE)
    assert np.array_equal(found.marked, MARKED) and not found.lossy


BLURRED = {
    "JPEG of low quality": encoded(GREY, "JPEG", quality=10),
    "JPEG of 0 and 1": encoded(ONES, "JPEG", quality=85),
    "JPEG in colour": encoded(colours((255, 0, 0), (0, 0, 0)), "JPEG", quality=60),
    "JPEG 2000": encoded(GREY, "JPEG2000", irreversible=True, quality_mode="dB", quality_layers=[35]),
    "WebP": encoded(Image.fromarray(GREY).convert("RGB"), "WEBP", quality=40),
    "TIFF with JPEG inside": encoded(GREY, "TIFF", compression="jpeg", quality=50),
}  # fmt: skip


@pytest.mark.parametrize("kind", BLURRED)
def test_a_blurred_mask_is_cut_at_half_and_told(kind, tmp_path):
    (tmp_path / "m").write_bytes(BLURRED[kind])
    found = read_mask(tmp_path / "m", SIZE)
    assert found.lossy
    assert (found.marked == MARKED).mean() > 0.98


def test_a_blurred_mask_of_nothing_marks_nothing(tmp_path):
    (tmp_path / "m").write_bytes(encoded(ONES * 0, "JPEG"))
    assert not read_mask(tmp_path / "m", SIZE).marked.any()


OPEN = {
    "an animation": encoded(GREY, "GIF", save_all=True, append_images=[Image.fromarray(ONES)]),
    "an animated PNG": encoded(GREY, "PNG", save_all=True, append_images=[Image.fromarray(ONES)]),
    "CMYK": encoded(Image.fromarray(colours((9, 9, 9), (0, 0, 0))).convert("CMYK"), "JPEG"),
    "complex numbers": array(ONES * 1j),
    "words": array(ONES.astype(str)),
    "not finite": array(np.where(MARKED, np.inf, 0)),
    "a zipped file": b"\x1f\x8b\x08",
}  # fmt: skip


@pytest.mark.parametrize("kind", OPEN)
def test_a_mask_that_says_nothing_sure_is_not_understood(kind, tmp_path):
    (tmp_path / "m").write_bytes(OPEN[kind])
    with pytest.raises(MaskError) as caught:
        read_mask(tmp_path / "m", SIZE)
    assert caught.value.code == "not_understood"


def problems(root):
    return test_of(root).facts["pixel_truth"]["test"]["problems"]


def test_two_masks_with_two_endings_are_nobodys(tmp_path):
    root = small_set(tmp_path)
    for ending, kind in (("png", "PNG"), ("tif", "TIFF")):
        write_mask(root / f"ground_truth/blob/b0_mask.{ending}", encoded(GREY, kind))
    write_mask(root / "ground_truth/blob/b1_mask.png")
    assert known(test_of(root)) == ["b1.png"]
    assert problems(root) == {"ambiguous": 1, "missing": 2}


def test_a_mask_that_is_its_own_film_tells_nothing(tmp_path):
    root = small_set(tmp_path)
    (root / "ground_truth/blob").mkdir(parents=True)
    for index, link in enumerate((os.symlink, os.link)):
        link(root / f"test/blob/b{index}.png", root / f"ground_truth/blob/b{index}_mask.png")
    write_mask(root / "ground_truth/blob/b2_mask.png")
    assert known(test_of(root)) == ["b2.png"]


def test_a_film_that_is_turned_takes_a_mask_of_its_upright_form(tmp_path):
    root = small_set(tmp_path)
    wide = np.zeros((48, 64), np.uint8)
    wide[:8, :8] = 255
    told = Image.Exif()
    told[0x0112] = 6
    shown = np.random.default_rng(0).integers(0, 256, (48, 64)).astype(np.uint8)
    for name in ("b0", "b1"):
        stored = Image.fromarray(shown).transpose(Image.Transpose.ROTATE_90)
        stored.save(root / f"test/blob/{name}.png", exif=told.tobytes())
    write_mask(root / "ground_truth/blob/b0.png", encoded(wide))
    write_mask(root / "ground_truth/blob/b1.png", encoded(wide.T.copy()))  # of the stored form
    data = test_of(root)
    truth = {
        n.rpartition("/")[2]: k
        for n, k in zip(data.test.names, data.test.has_pixel_truth, strict=True)
    }
    assert truth["b0.png"] and not truth["b1.png"]
    assert data.facts["pixel_truth"]["test"]["problems"]["size"] == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_of_masks_may_be_written_in_another_way(form, tmp_path):
    root = small_set(tmp_path)
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    trees.film(root / unicodedata.normalize(form, "test/blob/é.png"))
    write_mask(root / unicodedata.normalize(other, "ground_truth/blob/é_mask.png"))
    assert [unicodedata.normalize("NFC", name) for name in known(test_of(root))] == ["é.png"]


def test_masks_further_below_their_kind_are_told_as_nobodys(tmp_path):
    root = small_set(tmp_path)
    write_mask(root / "ground_truth/blob/b0_mask.png")
    write_mask(root / "ground_truth/blob/readers/second/b1_mask.png")
    data = test_of(root)
    assert known(data) == ["b0.png"]
    assert "masks of no film of this set: 1" in " ".join(data.notes)


NAMES = {
    "./ before": lambda name, root: f"./{name}",
    "an absolute path": lambda name, root: str(root / name),
    "a way round by ..": lambda name, root: f"train/../{name}",
    "two slashes": lambda name, root: name.replace("/", "//"),
    "spaces around": lambda name, root: f"  {name} ",
    "quotes": lambda name, root: f'"{name}"',
    "quotes within": lambda name, root: f'"{name}"',
    "backslashes and .": lambda name, root: ".\\" + name.replace("/", "\\"),
}


@pytest.mark.parametrize("way", NAMES)
def test_however_a_row_names_a_film_its_patient_counts(way, tmp_path):
    paths = films(tmp_path)
    rows = ["file,label,patient"]
    for index, path in enumerate(paths):
        name = NAMES[way](path.relative_to(tmp_path).as_posix(), tmp_path)
        rows.append(f"{name},normal,p{index % PATIENTS}")
    write(tmp_path, "\n".join(rows))
    assert len(sides(split_of(tmp_path))) == PATIENTS


def test_names_in_other_capitals_are_found_or_told_and_never_guessed(tmp_path):
    paths = films(tmp_path)
    text = table(paths, tmp_path)
    write(tmp_path, text.replace(".png", ".PNG"))
    try:
        assert len(sides(split_of(tmp_path))) == PATIENTS
    except DataError as error:  # where capitals make another name
        assert "lacks the files of 26 of 26 films" in str(error)


def test_a_line_break_within_quotes_is_part_of_its_field(tmp_path):
    text = table(films(tmp_path), tmp_path, header=("file", "label", "patient"))
    lines = text.split("\r\n")
    told = [lines[0] + ",remark", *(f'{line},"seen\r\nagain"' for line in lines[1:-1])]
    write(tmp_path, "\r\n".join(told))
    assert len(sides(split_of(tmp_path))) == PATIENTS


def test_equal_rows_count_once(tmp_path):
    text = table(films(tmp_path), tmp_path)
    write(tmp_path, text + text.partition("\r\n")[2])
    split = split_of(tmp_path)
    assert len(split.films) == 2 * PATIENTS
    assert len(sides(split)) == PATIENTS


def test_a_film_named_by_two_paths_counts_once(tmp_path):
    paths = films(tmp_path)
    (tmp_path / "also").symlink_to(tmp_path / "train")
    text = table(paths, tmp_path)
    more = text.partition("\r\n")[2].replace("train/", "also/")
    write(tmp_path, text + more)
    assert len(split_of(tmp_path).films) == 2 * PATIENTS


def test_a_manifest_that_is_a_link_is_read(tmp_path):
    (tmp_path / "set").mkdir()
    write(tmp_path, table(films(tmp_path / "set"), tmp_path / "set"), "elsewhere.csv")
    (tmp_path / "set/manifest.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert len(sides(split_of(tmp_path / "set"))) == PATIENTS


def test_numbers_of_patients_that_a_program_wrote_as_fractions_are_the_same(tmp_path):
    text = table(films(tmp_path), tmp_path).replace("Müller ", "")
    rows = text.split("\r\n")
    half = [row + ".0" if row and place % 2 else row for place, row in enumerate(rows[1:])]
    write(tmp_path, "\n".join([rows[0], *half]))
    assert len(sides(split_of(tmp_path))) == PATIENTS


@pytest.mark.parametrize(
    "empty", ["", "nan", "NaN", "NA", "N/A", "None", "null", "-", "?", "unknown"]
)
def test_a_patient_that_is_not_told_is_nobodys_and_that_is_said(empty, tmp_path):
    text = table(films(tmp_path), tmp_path)
    for number in range(PATIENTS):
        text = text.replace(f"Müller {number}\r", f"{empty}\r")
    write(tmp_path, text)
    split = split_of(tmp_path)
    assert len(sides(split)) == 2 * PATIENTS
    assert "patients are not told" in " ".join(split.notes)


def test_a_patient_on_both_sides_stays_in_test_and_the_rest_is_told(tmp_path):
    paths = films(tmp_path)
    rows = ["file,label,patient,split"]
    for index, path in enumerate(paths):
        part = "test" if index >= PATIENTS else "train"
        rows.append(f"{path.relative_to(tmp_path)},normal,p{index % PATIENTS},{part}")
    write(tmp_path, "\n".join(rows))
    with pytest.raises(
        DataError, match=r"0 normal films are left .*left out: 13 .*add normal films"
    ):
        test_of(tmp_path)


def test_parts_that_share_a_patient_are_refused_with_a_remedy(tmp_path):
    one = Film(tmp_path / "a.png", "normal", "train", "p")
    other = Film(tmp_path / "b.png", "normal", "test", "p")
    with pytest.raises(DataError, match="give all films of a patient one split"):
        check_patients([one, other])


@pytest.mark.parametrize("thing", [os.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_a_manifest_that_is_no_file_is_not_passed_over_or_waited_for(thing, tmp_path):
    films(tmp_path)
    thing(tmp_path / "manifest.csv")
    with pytest.raises(DataError, match=r"manifest\.csv"):
        split_of(tmp_path)
