"""One walk for all commands: each file once, nobody's files never."""

import os

import numpy as np
import pytest
from PIL import Image

from simsid.data.film_set import FilmOptions, choose_films
from simsid.data.find import find_images, images_below
from simsid.data.load import FILM_SETS, load_data
from simsid.data.unreadable import UnreadableFilmsError
from simsid.errors import DataError
from synth.__main__ import main as synth
from synth.verify import verify
from tests.simsid.data import trees

LEFT_BEHIND = (
    ".DS_Store", "._0.png", ".hidden.png", "Thumbs.db", "THUMBS.DB", "desktop.ini", "Desktop.ini",
    ".ipynb_checkpoints/0-checkpoint.png", "__MACOSX/0.png", "__MACOSX/._0.png", "@eaDir/0.png",
    ".git/annex/0.png", "$RECYCLE.BIN/0.png", "System Volume Information/0.png", "lost+found/0.png",
    "~$0.png", "0.png~", "1.png.part", "1.png.crdownload", ".Trashes/0.png", "DICOMDIR",
)  # fmt: skip


def small_set(root):
    for index in range(12):
        trees.film(root / f"train/good/{index:02d}.png")
    for index in range(3):
        trees.film(root / f"test/good/g{index}.png")
        trees.film(root / f"test/blob/b{index}.png")
    return root


def films_of(root, name="folder"):
    return choose_films(name, FILM_SETS[name], root, FilmOptions())[0]


def counted(root):
    films = films_of(root).films
    return sorted(film.path.relative_to(root).as_posix() for film in films)


def names_below(folder):
    return [path.relative_to(folder).as_posix() for path in images_below(folder)]


@pytest.mark.parametrize("name", LEFT_BEHIND)
@pytest.mark.parametrize("place", ["train/good", "train", "test/blob", "test", "."])
def test_what_systems_leave_behind_is_nobodys_film(name, place, tmp_path):
    root = small_set(tmp_path / "set")
    before = counted(root)
    left = root / place / name
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes((root / "train/good/00.png").read_bytes() + b"another")
    assert counted(root) == before
    assert len(find_images([str(root)])) == len(find_images([f"{root}/**"])) == len(before)
    if "/" not in name and (name.startswith("._") or not name.startswith((".", "~", "0", "1"))):
        assert find_images([str(left)]) == []  # a shell's * may name it


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("again", "."),
        ("train/good/up", "../.."),
        ("train/good/here", "."),
        ("train/loop", "."),
        ("train/good/other", "../../test/blob"),
        ("aa", "test"),
        ("test/blob/zz.png", "b0.png"),
        ("test/blob/00.png", "b0.png"),
        ("test/blob/sub/deep", "../../.."),
    ],
)
def test_a_file_reached_by_several_paths_counts_once_by_its_real_one(link, target, tmp_path):
    root = small_set(tmp_path / "set")
    before, below = counted(root), names_below(root)
    (root / link).parent.mkdir(exist_ok=True)
    (root / link).symlink_to(target)
    assert counted(root) == before
    assert names_below(root) == below
    assert len(find_images([str(root), str(root / "train"), f"{root}/**/*.png"])) == len(before)


def test_two_links_in_a_circle_end(tmp_path):
    trees.film(tmp_path / "a/0.png")
    (tmp_path / "a/b").symlink_to(tmp_path)
    (tmp_path / "c").symlink_to("a")
    (tmp_path / "d").symlink_to("d")
    assert names_below(tmp_path) == ["a/0.png"]
    assert [path.name for path in find_images([f"{tmp_path}/**/*.png"])] == ["0.png"]


def test_folders_and_films_that_are_links_to_elsewhere_are_followed(tmp_path):
    small_set(tmp_path / "store")
    root = tmp_path / "set"
    (root / "train").mkdir(parents=True)
    (root / "train/good").symlink_to(tmp_path / "store/train/good")
    (root / "test").symlink_to("../store/test")
    assert len(counted(root)) == 18
    (root / "train/good").unlink()
    for path in (tmp_path / "store/train/good").iterdir():
        (root / "train/good").mkdir(exist_ok=True)
        (root / "train/good" / path.name).symlink_to(path)
    assert len(counted(root)) == 18


def test_a_view_of_links_into_a_folder_of_the_set_is_a_set(tmp_path):
    small_set(tmp_path / "raw")
    for path in (tmp_path / "raw").rglob("*.png"):
        link = tmp_path / path.relative_to(tmp_path / "raw")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    split = films_of(tmp_path)
    assert len(split.films) == 18
    assert "no other images" in split.notes[0]


def test_one_file_on_two_sides_stays_in_test(tmp_path):
    root = small_set(tmp_path)
    os.link(root / "test/good/g0.png", root / "train/good/copy.png")
    split = films_of(root)
    parts = {film.part for film in split.films if film.path.name in ("g0.png", "copy.png")}
    assert parts == {"test"}
    assert "1 further paths to a film" in " ".join(split.notes)


def test_one_file_called_normal_and_abnormal_is_refused(tmp_path):
    root = small_set(tmp_path)
    os.link(root / "test/blob/b0.png", root / "test/good/b0.png")
    with pytest.raises(DataError, match=r"b0.png are one file, called .*: remove one"):
        films_of(root)


def test_a_link_that_leads_nowhere_is_told(tmp_path):
    root = small_set(tmp_path)
    (root / "test/blob/gone.png").symlink_to("nowhere.png")
    with pytest.raises(UnreadableFilmsError, match=r"1 of 19 films .*blob/gone.png: missing"):
        load_data("folder", str(root))
    assert [path.name for path in find_images([str(root / "test/blob")])] == [
        "b0.png", "b1.png", "b2.png", "gone.png",
    ]  # fmt: skip


def save(path, kind):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)
    if kind == "DICOM":
        trees.dicom(path)
    elif kind == "NPY":
        with open(path, "wb") as file:
            np.save(file, pixels)
    else:
        Image.fromarray(pixels).save(path, format=kind)


@pytest.mark.parametrize(
    "name", ["IM0001", "1.2.840.113619.2.55", "film.ima", "scan.img", "X.JFIF"]
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "DICOM", "NPY", "GIF"])
def test_films_without_a_known_ending_are_found_by_content(name, kind, tmp_path):
    root = small_set(tmp_path)
    save(root / "test/blob" / name, kind)
    assert f"test/blob/{name}" in counted(root)
    assert root / "test/blob" / name in find_images([str(root)])


@pytest.mark.parametrize(
    "content",
    [b"", b"BMI,age\n1,2\n", b"II", b"%PDF-1.7", b"PK\x03\x04", b"RIFF1234WAVE", b"{}", b"\x08\x00",
     b"a,b\n" * 100],
)  # fmt: skip
def test_other_files_are_no_films(content, tmp_path):
    (tmp_path / "notes").write_bytes(content)
    assert images_below(tmp_path) == []


def test_all_sides_and_what_is_left_out_are_told_in_one_line(tmp_path):
    root = small_set(tmp_path)
    for name in (
        "valid/good/v0.png",
        "valid/blob/v1.png",
        "extra/x0.png",
        "train/loose.png",
        "top.png",
    ):
        trees.film(root / name)
    note = films_of(root).notes[0]
    assert "2 of valid/ (validation)" in note
    assert "6 of test/ (test)" in note
    assert note.endswith("images not used: 1 in extra/, 1 in the top folder, 1 in train/")


@pytest.mark.parametrize(
    ("name", "part"),
    [("val", "validation"), ("valid", "validation"), ("Validation", "validation"),
     ("dev", "validation"), ("Test", "test"), ("TEST", "test"), ("testing", "test")],
)  # fmt: skip
def test_sides_are_known_in_every_usual_spelling(name, part, tmp_path):
    for index in range(12):
        trees.film(tmp_path / f"Train/Good/{index:02d}.png")
    trees.film(tmp_path / name / "blob/b0.png")
    assert [film.part for film in films_of(tmp_path).films if film.label] == [part]


def test_verify_passes_over_what_systems_leave_and_links_to_what_is_there(tmp_path):
    out = tmp_path / "digits"
    synth(["generate", "--out", str(out), "--train", "4", "--val", "0", "--test-normal", "2",
           "--test-per-kind", "1"])  # fmt: skip
    for name in LEFT_BEHIND:
        left = out / "train/good" / name
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"left")
    (out / "here").symlink_to(".")
    (out / "train/good/copy.png").symlink_to("0000.png")
    assert verify(out) == []
    (out / "train").rename(tmp_path / "elsewhere")
    (out / "train").symlink_to("../elsewhere")
    assert verify(out) == []
    (out / "train/good/extra.png").write_bytes(b"extra")
    assert any(problem.startswith("train/good/extra.png: extra") for problem in verify(out))


def test_a_set_that_a_walk_reads_is_the_same_with_and_without_litter(tmp_path):
    root = small_set(tmp_path)
    before = load_data("folder", str(root)).fingerprint
    for name in LEFT_BEHIND:
        left = root / "train/good" / name
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes((root / "train/good/00.png").read_bytes())
    (root / "train/good/loop").symlink_to(".")
    assert load_data("folder", str(root)).fingerprint == before
