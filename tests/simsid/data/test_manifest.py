from collections import Counter
from pathlib import Path

import pytest

from simsid.data.film_set import FilmOptions, choose_films
from simsid.data.load import FILM_SETS, load_data
from simsid.data.sets.manifest import MANIFEST, read_manifest
from simsid.errors import DataError
from tests.simsid.data import trees

REAL = Path(__file__).parents[4] / "shared/data/cxr"


def chosen(name, root, **options):
    return choose_films(name, FILM_SETS[name], root, FilmOptions(**options))


def counts(split):
    return Counter((film.part, film.label) for film in split.films)


@pytest.mark.parametrize("name", ["zhanglab", "nih", "folder"])
def test_a_set_with_a_manifest_is_split_by_patient(name, tmp_path):
    split, facts = chosen(name, trees.reduced(tmp_path))
    assert facts["split"] == "manifest"
    places = {}
    for film in split.films:
        assert places.setdefault(film.patient, film.part) == film.part
    found = counts(split)
    assert (found["validation", 0], found["validation", 1], found["pool", 1]) == (20, 16, 24)
    assert found["test", 0] == 0


def test_attributes_kinds_and_boxes_come_from_the_manifest(tmp_path):
    data = load_data("nih", str(trees.reduced(tmp_path, test=True)))
    assert set(data.validation.attributes) == {"view", "sex", "age", "findings"}
    assert set(data.validation.attributes["view"]) == {"PA", "AP"}
    assert set(data.test.kinds) == {"normal", "Mass"}
    assert data.test.boxes[-1].tolist() == [[0.0, 96.0, 48.0, 192.0]]
    assert len(data.test.boxes[0]) == 0


def test_a_test_part_is_kept_whole_and_may_be_absent(tmp_path):
    root = trees.reduced(tmp_path, test=True)
    assert counts(chosen("nih", root)[0])["test", 0] == 6
    for path in (root / "test").rglob("*.png"):
        path.unlink()
    assert counts(chosen("nih", root)[0])["test", 0] == 0
    next((root / "train").rglob("*.png")).unlink()
    with pytest.raises(DataError, match=r"lacks the files of 1 of 140 films"):
        chosen("nih", root)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("normal,train", "healthy,train", "label of .* is 'healthy', expected normal or abnormal"),
        ("normal,train", "normal,later", "split of .* is 'later', expected train, val or test"),
        ('"0,512,256,512"', '"0,512,256"', "boxes_1024 of .* are not left, top, width, height"),
        ('"0,512,256,512"', '"0,512,256,2000"', "boxes_1024 of .* are not"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(old, new, says, tmp_path):
    manifest = trees.reduced(tmp_path, test=True) / "manifest.csv"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=says):
        chosen("nih", tmp_path)


def test_protocols_of_the_full_set_are_refused_for_the_reduced_one(tmp_path):
    with pytest.raises(DataError, match=r"reduced form.* has no split 'talk'; choose: manifest"):
        chosen("zhanglab", trees.reduced(tmp_path), split="talk")


def test_another_manifest_csv_is_refused_and_never_passed_over(tmp_path):
    root = trees.nih(tmp_path)
    (root / "manifest.csv").write_text("sku,price\n1,2\n")
    with pytest.raises(DataError, match=r"lacks the column 'file'; it has sku, price.*rename"):
        chosen("nih", root)


@pytest.mark.skipif(not REAL.is_dir(), reason="the development films are not here")
@pytest.mark.parametrize(
    ("name", "normals", "abnormals"), [("zhanglab", 620, 250), ("nih", 348, 250)]
)
def test_the_development_films_are_read_whole(name, normals, abnormals):
    split, _ = chosen(name, REAL / name)
    found = counts(split)
    assert sum(n for (_, label), n in found.items() if not label) == normals
    assert sum(n for (_, label), n in found.items() if label) == abnormals
    assert found["validation", 1] == 100
    assert found["calibration", 0] >= 40


@pytest.mark.parametrize("findings", ["normal", "|", ""])
def test_an_abnormal_film_stays_abnormal_whatever_its_findings_say(findings, tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / MANIFEST).write_text(f"file,label,findings\na.png,abnormal,{findings}\n")
    assert [film.kind for film in read_manifest(tmp_path)] == ["abnormal"]
