import json

import numpy as np
import pytest
from PIL import Image

from simsid.data.film_set import FilmOptions
from simsid.data.load import load_data
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.errors import DataError
from synth.__main__ import main as synth


def read_folder(root, image_size=None):
    return load_data("folder", str(root), films=FilmOptions(image_size=image_size))


def write(path, seed, size=(96, 96)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    Image.fromarray(pixels).save(path)


def small_set(root, normal="good", kinds=("blob",), size=(96, 96), val=0):
    for index in range(12):
        write(root / "train" / normal / f"{index:03d}.png", index, size)
    for index in range(3):
        write(root / "test" / normal / f"{index:03d}.png", 100 + index, size)
        for kind in kinds:
            write(root / "test" / kind / f"{index:03d}.png", 200 + index, size)
    for index in range(val):
        write(root / "val" / normal / f"{index:03d}.png", 300 + index, size)
    return root


def test_mvtec_layout_is_read_normals_first(tmp_path):
    data = read_folder(small_set(tmp_path, kinds=("blob", "line")))
    assert len(data.train) + len(data.calibration) == 12
    assert data.test.kinds.tolist() == ["normal"] * 3 + ["blob"] * 3 + ["line"] * 3
    assert data.test.labels.tolist() == [0] * 3 + [1] * 6
    assert data.test.masks is None


def test_normal_and_abnormal_folders_are_read(tmp_path):
    data = read_folder(small_set(tmp_path, normal="normal", kinds=("abnormal",)))
    assert data.test.kinds.tolist() == ["normal"] * 3 + ["abnormal"] * 3


def test_folders_of_normals_may_be_written_in_capitals(tmp_path):
    data = read_folder(small_set(tmp_path, normal="NORMAL", kinds=("PNEUMONIA",)))
    assert data.test.kinds.tolist() == ["normal"] * 3 + ["PNEUMONIA"] * 3


def test_masks_are_found_and_an_image_may_lack_its_own(tmp_path):
    root = small_set(tmp_path)
    mask = np.zeros((96, 96), np.uint8)
    mask[10:20, 10:20] = 255
    (root / "ground_truth" / "blob").mkdir(parents=True)
    Image.fromarray(mask).save(root / "ground_truth" / "blob" / "001_mask.png")
    masks = read_folder(root).test.masks
    assert masks.sum((1, 2)).tolist() == [0, 0, 0, 0, 100, 0]


def test_images_that_share_a_small_size_keep_it_and_others_are_resized(tmp_path):
    assert read_folder(small_set(tmp_path / "a")).image_size == (96, 96)
    assert read_folder(small_set(tmp_path / "b", size=(100, 90))).image_size == (192, 192)
    assert read_folder(small_set(tmp_path / "c", size=(100, 90)), (64, 64)).image_size == (64, 64)


def test_calibration_comes_from_val_when_val_has_enough_normals(tmp_path):
    data = read_folder(small_set(tmp_path, val=40))
    assert (len(data.train), len(data.calibration), len(data.validation)) == (12, 20, 20)
    everything = np.concatenate([data.train, data.calibration, data.validation.images])
    assert len(np.unique(everything.reshape(len(everything), -1), axis=0)) == 52


def test_the_split_does_not_depend_on_anything_but_the_files(tmp_path):
    root = small_set(tmp_path)
    assert read_folder(root).fingerprint == read_folder(root).fingerprint
    write(root / "train" / "good" / "000.png", 999)
    changed = read_folder(root).fingerprint
    write(root / "train" / "good" / "000.png", 0)
    assert changed != read_folder(root).fingerprint


@pytest.mark.parametrize("spoil", ["missing", "empty", "few", "bad image"])
def test_a_wrong_folder_says_what_was_expected(tmp_path, spoil):
    root = tmp_path / "set"
    if spoil != "missing":
        small_set(root)
    for index in range(12):
        path = root / "train" / "good" / f"{index:03d}.png"
        if spoil == "few" and index > 4:
            path.unlink()
        if spoil == "bad image" and index == 3:
            path.write_bytes(b"not an image")
    if spoil == "empty":
        (root / "train").rename(root / "films")
    says = {
        "missing": "check --data-root",
        "empty": r"expected train/good .* found films/, test/",
        "few": "5 normal films are left to train on; at least 12 are needed",
        "bad image": "003.png .*remove or replace",
    }
    with pytest.raises(DataError, match=says[spoil]):
        read_folder(root)


def test_a_generated_folder_equals_what_is_generated_in_memory(tmp_path):
    out = tmp_path / "digits"
    synth(["generate", "--out", str(out), "--train", "12", "--val", "0", "--test-normal", "4",
           "--test-per-kind", "2"])  # fmt: skip
    data = load_data("digitanatomy", str(out))
    made = make_digitanatomy(train=12, calibration=1, validation=0, test_normal=4, test_per_kind=2)
    assert data.facts["grid_size"] == [3, 3]
    assert json.dumps(data.facts)
    both = np.concatenate([data.train, data.calibration])
    assert sorted(map(bytes, both)) == sorted(map(bytes, made.train))
    order = np.argsort(made.test.kinds != "normal", kind="stable")
    assert sorted(map(bytes, data.test.images)) == sorted(map(bytes, made.test.images[order]))
    assert data.test.masks.sum() == made.test.masks.sum()


def test_parts_of_digitanatomy_are_disjoint_and_counted_right():
    data = make_digitanatomy(
        train=30, calibration=20, validation=8, test_normal=10, test_per_kind=3
    )
    assert (len(data.train), len(data.calibration), len(data.validation)) == (30, 20, 16)
    assert (data.test.labels == 0).sum() == 10
    assert (data.test.labels == 1).sum() == 12
    assert not data.test.masks[data.test.labels == 0].any()
    assert data.test.masks[data.test.labels == 1].any((1, 2)).all()
    parts = [data.train, data.calibration, data.validation.images, data.test.images]
    joined = np.concatenate(parts)
    assert len(np.unique(joined.reshape(len(joined), -1), axis=0)) == len(joined)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": "mnist"}, "unknown data set 'mnist'; choose one of"),
        ({"dataset": "folder"}, "needs --data-root"),
        ({"dataset": "digitanatomy", "digits": "/nowhere.npz"}, "nowhere.npz"),
        ({"dataset": "digitanatomy", "difficulty": 2.0}, "difficulty"),
    ],
)
def test_data_that_cannot_be_had_is_one_plain_sentence(arguments, message):
    with pytest.raises(DataError, match=message):
        load_data(**arguments)
