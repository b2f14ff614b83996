"""What every data set promises, as its authors distribute it, on small synthetic trees."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from simsid.data.film import Film
from simsid.data.film_set import FilmOptions
from simsid.data.films import load_films
from simsid.data.load import FILM_SETS, load_data
from simsid.data.preprocess import Preprocessing
from simsid.errors import DataError
from tests.simsid.data import trees
from tests.simsid.data.chosen import chosen, touch


@pytest.mark.parametrize("name", trees.TREES)
def test_every_set_loads_with_its_parts_apart(name, tmp_path):
    root = trees.TREES[name](tmp_path)
    split, facts = chosen(name, root)
    places = {}
    for film in split.films:
        assert places.setdefault(film.patient, film.part) == film.part
    data = load_data(name, str(root))
    assert data.image_size == (192, 192)
    assert data.preprocessing.fit == FILM_SETS[name].fit
    assert {len(set(part.labels)) for part in (data.validation, data.test)} == {2}
    assert len(data.calibration) >= 9
    assert facts["calibration_from"] == data.facts["calibration_from"]
    assert data.facts["films"]["train"]["normal"] == len(data.train)


@pytest.mark.parametrize("name", trees.TREES)
def test_reading_is_deterministic_and_does_not_depend_on_where_the_set_lies(name, tmp_path):
    root = trees.TREES[name](tmp_path / "here")
    again = Path(shutil.copytree(root, tmp_path / "there"))
    assert load_data(name, str(root)).fingerprint == load_data(name, str(again)).fingerprint


@pytest.mark.parametrize("name", trees.TREES)
def test_a_wrong_root_shows_the_tree_expected_and_what_is_there(name, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "labels.txt").touch()
    with pytest.raises(DataError, match=r"expected .*train|\.csv.* found labels.txt, pictures/"):
        chosen(name, tmp_path)
    with pytest.raises(DataError, match=r"no folder at .*nowhere: check --data-root"):
        chosen(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", sorted(set(trees.TREES) - {"zhanglab"}))
def test_missing_films_are_counted_and_named_and_can_be_skipped(name, tmp_path):
    root = trees.TREES[name](tmp_path)
    split, _ = chosen(name, root)
    for film in [film for film in split.films if film.part == "train"][:2]:
        film.path.unlink()
    with pytest.raises(
        DataError, match=r"lacks the files of 2 of \d+ films .* \(first: .*(png|jpg|dicom)"
    ):
        chosen(name, root)
    _, facts = chosen(name, root, skip_missing=True)
    assert facts["left_out"]["missing films"] == 2


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("chexpert", "train.csv"), ("padchest", "PADCHEST*"), ("nih", "Data_Entry*"),
     ("vindr", "image_labels_train.csv"), ("covidx", "test.txt")],
)  # fmt: skip
def test_an_empty_or_missing_table_is_said_to_be(name, pattern, tmp_path):
    root = trees.TREES[name](tmp_path)
    table = next(root.rglob(pattern))
    content = table.read_bytes()
    table.write_bytes(b"")
    with pytest.raises(DataError, match=r"it is empty|is empty"):
        chosen(name, root)
    if name != "covidx":  # has no header
        table.write_bytes(content.split(b"\r\n")[0])
        with pytest.raises(DataError, match="a header and no rows"):
            chosen(name, root)
        table.write_bytes(b"file,label\r\n1.png,0\r\n")
        with pytest.raises(DataError, match=r"lacks the column '.*'; it has file, label"):
            chosen(name, root)
    table.unlink()
    with pytest.raises(DataError, match="expected"):
        chosen(name, root)


def test_an_unreadable_film_is_named_and_gone_on_without(tmp_path):
    root = trees.nih(tmp_path)
    path = next(root.rglob("00000001_000.png"))
    path.write_bytes(b"not a film")
    (line,) = load_data("nih", str(root)).unreadable
    assert line.startswith(f"{path}: not_an_image: ") and line.endswith("; remove or replace it")
    with pytest.raises(DataError, match=r"00000001_000.png: .*remove or replace"):
        load_data("nih", str(root), films=FilmOptions(skip_unreadable=False))


def test_sixteen_bit_films_keep_their_levels(tmp_path):
    data = load_data("padchest", str(trees.padchest(tmp_path)))
    assert len(np.unique(data.train[0])) > 20


def test_an_unknown_split_names_those_there_are(tmp_path):
    root = trees.vindr(tmp_path)
    with pytest.raises(DataError, match="'vindr' has no split 'talk'; choose: official, report"):
        chosen("vindr", root, split="talk")


@pytest.mark.parametrize("name", trees.TREES)
def test_the_split_seed_moves_patients(name, tmp_path):
    root = trees.TREES[name](tmp_path, touch)
    if name == "vindr":
        root = trees.vindr(tmp_path)
    first, second = (chosen(name, root, split_seed=seed)[0].films for seed in (0, 1))
    assert {(f.path, f.part) for f in first} != {(f.path, f.part) for f in second}


def test_boxes_that_are_cropped_away_are_no_truth(tmp_path):
    films = [
        Film(trees.film(tmp_path / f"{number}.png", (64, 96)), kind, part, str(number), boxes=boxes)
        for number, (kind, part, boxes) in enumerate(
            [("normal", "train", ()), ("normal", "calibration", ()),
             ("Mass", "test", ((0.0, 0.2, 0.05, 0.4), (0.3, 0.2, 0.6, 0.4)))]
        )
    ]  # fmt: skip
    cropped = load_films(films, Preprocessing((64, 64), fit="crop"), "x", {})
    whole = load_films(films, Preprocessing((64, 64)), "x", {})
    assert [len(whole.test.boxes[0]), len(cropped.test.boxes[0])] == [2, 1]
