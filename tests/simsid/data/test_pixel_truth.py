"""Masks as hospitals and libraries write them: truth is read, or told to be unknown."""

import io

import numpy as np
import pytest
from PIL import Image

from simsid.data.film_set import FilmOptions
from simsid.data.load import load_data
from simsid.data.mask_file import MaskError, read_mask
from simsid.data.sets.mask_names import stem_of
from tests.simsid.data import trees

SIZE = (64, 64)
MARKED = np.zeros(SIZE, bool)
MARKED[8:24, 16:40] = True
ONES = MARKED.astype(np.uint8)


def colours(inside, outside):
    return np.where(MARKED[..., None], np.uint8(inside), np.uint8(outside))


def palette(entries, numbers=ONES):
    image = Image.fromarray(numbers.astype(np.uint8)).convert("P")
    image.putpalette(entries)
    return image


def deep_colour(kind, inside):
    """A PNG of 16 bits a channel, which Pillow does not write."""
    import struct
    import zlib

    channels = {2: 3, 4: 2, 6: 4}[kind]
    values = np.zeros((*SIZE, channels), ">u2")
    values[MARKED, 0] = inside
    if kind in (4, 6):
        values[..., -1] = 65535
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", *SIZE, 16, kind, 0, 0, 0)

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def encoded(image, kind="PNG", **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def array(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


UNDERSTOOD = {
    "0 and 255": encoded(ONES * 255),
    "0 and 1": encoded(ONES),
    "0 and 64": encoded(ONES * 64),
    "one bit": encoded(Image.fromarray(MARKED)),
    "several classes": encoded(np.where(np.arange(64) % 2, ONES * 3, ONES * 200).astype(np.uint8)),
    "16 bits, low": encoded(ONES.astype(np.uint16)),
    "16 bits, high": encoded(ONES.astype(np.uint16) * 65535),
    "32 bits": encoded(ONES.astype(np.int32), "TIFF"),
    "floating point": encoded(ONES.astype(np.float32) * 1e-3, "TIFF"),
    "RGB, blue of 1": encoded(colours((0, 0, 1), (0, 0, 0))),
    "RGBA, opaque": encoded(colours((255, 255, 255, 255), (0, 0, 0, 255))),
    "RGBA, red on transparent": encoded(colours((255, 0, 0, 255), (0, 0, 0, 0))),
    "RGBA, red on transparent white": encoded(colours((255, 0, 0, 128), (255, 255, 255, 0))),
    "RGBA, black on transparent": encoded(colours((0, 0, 0, 255), (0, 0, 0, 0))),
    "grey and alpha": encoded(colours((9, 255), (0, 255))),
    "palette of classes": encoded(palette([0, 0, 0, 255, 0, 0])),
    "palette, entry 0 white": encoded(palette([255, 255, 255, 255, 0, 0])),
    "palette, entry 0 white and 1 black": encoded(palette([255, 255, 255, 0, 0, 0], 1 - ONES)),
    "palette of greys": encoded(Image.fromarray(ONES * 255).convert("P")),
    "quantised": encoded(Image.fromarray(ONES * 255).quantize(2)),
    "palette, all black": encoded(palette([0, 0, 0, 0, 0, 0])),
    "16-bit RGB": deep_colour(2, 1),
    "16-bit grey and alpha": deep_colour(4, 1),
    "16-bit RGBA": deep_colour(6, 255),
    "BMP": encoded(ONES * 255, "BMP"),
    "TIFF": encoded(ONES * 255, "TIFF", compression="tiff_lzw"),
    "GIF": encoded(ONES * 255, "GIF"),
    "WebP without loss": encoded(colours((255, 255, 255), (0, 0, 0)), "WEBP", lossless=True),
    "NumPy bool": array(MARKED),
    "NumPy float": array(MARKED * 0.5),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNDERSTOOD)
def test_0_is_normal_and_anything_else_abnormal_in_every_encoding(kind, tmp_path):
    (tmp_path / "m").write_bytes(UNDERSTOOD[kind])
    found = read_mask(tmp_path / "m", SIZE)
    assert np.array_equal(found.marked, MARKED) and not found.lossy


def test_a_mask_in_a_format_that_blurs_is_cut_at_half_and_told(tmp_path):
    for high in (255, 64, 2):
        (tmp_path / "m").write_bytes(encoded(ONES * high, "JPEG", quality=85))
        found = read_mask(tmp_path / "m", SIZE)
        assert found.lossy
        assert (found.marked == MARKED).mean() > 0.99


NOT_UNDERSTOOD = {
    "two pages": encoded(Image.fromarray(ONES), "TIFF", save_all=True, append_images=[Image.fromarray(ONES)]),
    "CMYK": encoded(Image.fromarray(colours((0, 0, 0), (9, 9, 9))).convert("CMYK"), "TIFF"),
    "no 0": encoded(ONES + 1),
    "cut off": encoded(ONES * 255)[:60],
    "no picture": b"{}",
    "nothing": b"",
    "not a number": array(np.where(MARKED, np.nan, 0)),
    "three dimensions": array(np.zeros((64, 64, 3))),
    "objects": array(np.array([[None]])),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_UNDERSTOOD)
def test_a_mask_that_leaves_truth_open_is_not_understood(kind, tmp_path):
    (tmp_path / "m").write_bytes(NOT_UNDERSTOOD[kind])
    with pytest.raises(MaskError) as caught:
        read_mask(tmp_path / "m", SIZE)
    assert caught.value.code == "not_understood"


@pytest.mark.parametrize("shape", [(32, 32), (64, 128), (128, 64), (65, 64)])
def test_a_mask_of_another_size_is_told(shape, tmp_path):
    Image.fromarray(np.ones(shape, np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(MaskError, match=f"it has {shape[0]}x{shape[1]} px") as caught:
        read_mask(tmp_path / "m.png", SIZE)
    assert caught.value.code == "size"


def small_set(root, kinds=("blob",)):
    for index in range(12):
        trees.film(root / f"train/good/{index:02d}.png")
    for index in range(2):
        trees.film(root / f"test/good/g{index}.png")
    for kind in kinds:
        for index in range(4):
            trees.film(root / f"test/{kind}/b{index}.png")
    return root


def write(path, data=UNDERSTOOD["0 and 255"]):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_of(root):
    return load_data("folder", str(root), films=FilmOptions(image_size=SIZE))


def known(data):
    """Names of abnormal films whose truth is known, after a look at that truth."""
    test = data.test
    if test.masks is None:
        return []
    truth = test.has_pixel_truth
    assert not test.masks[~truth].any()
    assert all(np.array_equal(mask, MARKED) for mask in test.masks[truth & (test.labels == 1)])
    return [name.rpartition("/")[2] for name in test.names[truth & (test.labels == 1)]]


@pytest.mark.parametrize(
    "place",
    [
        "ground_truth/blob/b1_mask.png",
        "ground_truth/blob/b1.png",
        "ground_truth/blob/b1_MASK.PNG",
        "ground_truth/blob/B1_Mask.Tif",
        "ground_truth/blob/b1_seg.png",
        "ground_truth/blob/b1-mask.bmp",
        "ground_truth/blob/b1.mask.png",
        "ground_truth/blob/b1.png_mask.png",
        "ground_truth/blob/b1 ground truth.gif",
        "ground_truth/blob/mask_b1.png",
        "ground_truth/blob/b1_label.png",
        "ground_truth/blob/b1.bmp",
        "ground_truth/blob/b1/000.png",
        "ground_truth/BLOB/b1.png",
        "ground_truth/b1_mask.png",
        "ground_truth/test/blob/b1.png",
        "Ground_Truth/blob/b1.png",
        "GroundTruth/blob/b1.png",
        "ground truth/blob/b1.png",
        "ground_truth_test/blob/b1.png",
        "masks/blob/b1.png",
        "mask/test/blob/b1.png",
        "test_masks/blob/b1.png",
        "segmentations/b1.png",
        "test/ground_truth/blob/b1.png",
        "test/masks/b1.png",
        "test/blob/masks/b1.png",
        "test/blob/b1_mask.png",
        "test/blob/b1_seg.tif",
    ],
)
def test_masks_are_found_by_every_usual_name_and_are_no_films(place, tmp_path):
    root = small_set(tmp_path)
    kind = {"tif": "TIFF", "bmp": "BMP", "gif": "GIF"}.get(place.rpartition(".")[2].lower(), "PNG")
    write(root / place, encoded(ONES * 255, kind))
    data = test_of(root)
    assert known(data) == ["b1.png"]
    assert set(data.test.kinds) == {"normal", "blob"}
    assert data.facts["pixel_truth"]["test"] == {
        "abnormal": 4, "known": 1, "problems": {"missing": 3}, "lossy": 0
    }  # fmt: skip
    (note,) = (note for note in data.notes if note.startswith("pixel truth"))
    assert (
        "1 of 4 abnormal films; left out of the pixel metrics: 3 without a mask (first: blob/b0.png)"
        in note
    )


def test_folders_of_images_and_labels_within_a_kind_are_understood(tmp_path):
    root = small_set(tmp_path, kinds=())
    for index in range(3):
        trees.film(root / f"test/Ungood/img/b{index}.png")
        write(root / f"test/Ungood/label/b{index}.png")
        trees.film(root / f"test/good/img/h{index}.png")
        write(root / f"test/good/label/h{index}.png", encoded(ONES * 0))
    assert known(test_of(root)) == ["b0.png", "b1.png", "b2.png"]


def test_numbered_masks_of_a_film_count_together(tmp_path):
    root, halves = small_set(tmp_path), (MARKED.copy(), MARKED.copy())
    halves[0][:16], halves[1][16:] = False, False
    for number, half in enumerate(halves):
        write(root / f"ground_truth/blob/b0_mask_{number}.png", encoded(half.astype(np.uint8)))
        write(root / f"ground_truth/blob/b1/{number}.png", encoded(half.astype(np.uint8)))
    assert known(test_of(root)) == ["b0.png", "b1.png"]


def test_whatever_is_wrong_with_masks_is_counted_told_and_left_out(tmp_path):
    root = small_set(tmp_path, kinds=("blob", "line"))
    masks = root / "ground_truth"
    write(masks / "blob/b0.png")
    write(masks / "blob/b1.png", encoded(ONES * 0))
    write(masks / "blob/b2.png", encoded(np.ones((32, 32), np.uint8)))
    write(masks / "blob/b3.png", b"not a mask")
    write(masks / "line/b0.nii.gz", b"another format")
    write(masks / "line/b1_mask.png")
    write(masks / "line/b1_seg.png")
    write(masks / "good/g0.png")
    write(masks / "good/g1.png", encoded(ONES * 0))
    write(masks / "line/other.png")
    data = test_of(root)
    assert known(data) == ["b0.png"]
    assert data.test.has_pixel_truth.sum() == 2
    assert data.facts["pixel_truth"]["test"]["problems"] == {
        "empty": 1, "size": 1, "not_understood": 2, "ambiguous": 1, "missing": 2, "contradicts": 1,
    }  # fmt: skip
    notes = " ".join(data.notes)
    for words in (
        "1 of 8 abnormal films", "1 with a mask that marks nothing (first: blob/b1.png)",
        "blob/b2.png: it has 32x32 px, its film 64x64", "called normal, with a mask that marks pixels",
        "masks of no film of this set: 1 (first: line/other.png)",
    ):  # fmt: skip
        assert words in notes


def test_one_mask_that_fits_films_of_two_kinds_is_nobodys(tmp_path):
    root = small_set(tmp_path, kinds=("blob", "line"))
    write(root / "ground_truth/b0_mask.png")
    data = test_of(root)
    assert known(data) == []
    assert data.facts["pixel_truth"]["test"]["problems"] == {"ambiguous": 2, "missing": 6}


def test_masks_of_the_test_part_are_not_those_of_validation(tmp_path):
    root = small_set(tmp_path)
    trees.film(root / "valid/blob/b0.png")
    write(root / "ground_truth/blob/b0_mask.png")
    data = test_of(root)
    assert known(data) == ["b0.png"]
    assert not data.validation.has_pixel_truth.any()
    write(root / "ground_truth_val/blob/b0_mask.png")
    assert test_of(root).validation.masks.any()


def test_a_set_without_masks_has_no_pixel_truth_and_says_nothing_of_it(tmp_path):
    data = test_of(small_set(tmp_path))
    assert data.test.masks is None
    assert not any("pixel truth" in note for note in data.notes)


def test_a_mark_that_is_lost_at_the_models_size_is_unknown_and_not_normal(tmp_path):
    root, dot = small_set(tmp_path), np.zeros(SIZE, np.uint8)
    dot[5, 5] = 255
    write(root / "ground_truth/blob/b0.png", encoded(dot))
    data = load_data("folder", str(root), films=FilmOptions(image_size=(32, 32)))
    assert data.facts["pixel_truth"]["test"]["problems"]["vanishes"] == 1
    assert not data.test.has_pixel_truth[2]


def test_a_manifest_and_masks_go_together(tmp_path):
    root, rows = tmp_path, ["file,label,split,patient,mask"]
    for index in range(30):
        trees.film(root / f"images/n{index}.png")
        rows.append(f"images/n{index}.png,normal,train,p{index},")
    for index in range(4):
        trees.film(root / f"images/a{index}.png")
        rows.append(
            f"images/a{index}.png,abnormal,test,q{index},{'own/x.png' if index == 2 else ''}"
        )
    (root / "manifest.csv").write_text("\n".join(rows))
    write(root / "ground_truth/a0.png")
    write(root / "masks/a1_mask.png")
    write(root / "own/x.png")
    assert known(test_of(root)) == ["a0.png", "a1.png", "a2.png"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.png", "a"), ("A.PNG", "a"), ("a.b.tif", "a.b"), ("a.nii.gz", "a"), ("1.2.840.1", "1.2.840.1"),
     ("1.2.840.1.dcm", "1.2.840.1"), ("a", "a"), (".png", ".png")],
)  # fmt: skip
def test_endings_are_told_from_names(name, stem):
    assert stem_of(name) == stem


test_of.__test__ = False
