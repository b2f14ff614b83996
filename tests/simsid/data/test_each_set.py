"""What is particular to one data set: its tables, its splits, its views and its boxes."""

from collections import Counter

import numpy as np
import pytest

from simsid.data.load import load_data
from simsid.data.sets import nih
from simsid.errors import DataError
from tests.simsid.data import trees
from tests.simsid.data.chosen import chosen, counts, rewrite, touch


def test_zhanglab_tells_patients_and_kinds_by_file_names(tmp_path):
    split, facts = chosen("zhanglab", trees.zhanglab(tmp_path))
    kinds = Counter(film.kind for film in split.films)
    assert set(kinds) == {"normal", "bacteria", "virus"}
    assert counts(split)["test"] == (6, 6)
    assert facts["left_out"] == {"films of patients who are in test or validation too": 2}
    assert not any(film.path.name.startswith(".") for film in split.films)
    patients = {film.patient for film in split.films}
    assert {"IM-0000", "NORMAL2-IM-0000", "person1"} <= patients


def test_the_talks_split_of_zhanglab(tmp_path):
    for index in range(1349):
        touch(tmp_path / f"train/NORMAL/IM-{index:04d}-0001.jpeg")
    for index in range(3883):
        touch(tmp_path / f"train/PNEUMONIA/person{index}_virus_{index}.jpeg")
    for index in range(234):
        touch(tmp_path / f"test/NORMAL/NORMAL2-IM-{index:04d}-0001.jpeg")
    for index in range(390):
        touch(tmp_path / f"test/PNEUMONIA/person{5000 + index}_bacteria_{index}.jpeg")
    talk, _ = chosen("zhanglab", tmp_path)
    assert counts(talk) == {
        "train": (1124, 0), "calibration": (125, 0), "validation": (100, 100),
        "test": (234, 390), "pool": (0, 3783),
    }  # fmt: skip
    report, _ = chosen("zhanglab", tmp_path, split="report")
    assert counts(report) == {
        "train": (922, 0), "calibration": (102, 0), "validation": (50, 50),
        "test": (100, 100), "pool": (0, 3833),
    }  # fmt: skip


def test_kaggles_val_folder_joins_training(tmp_path):
    root = trees.zhanglab(tmp_path)
    before = sum(map(sum, counts(chosen("zhanglab", root)[0]).values()))
    trees.film(root / "chest_xray/val/NORMAL/NORMAL2-IM-1427-0001.jpeg")
    trees.film(root / "chest_xray/val/PNEUMONIA/person1950_bacteria_4881.jpeg")
    split, _ = chosen("zhanglab", root)
    assert sum(map(sum, counts(split).values())) == before + 2
    assert counts(split)["test"] == (6, 6)


def test_chexpert_takes_only_films_that_are_surely_normal_or_abnormal(tmp_path):
    split, facts = chosen("chexpert", trees.chexpert(tmp_path))
    patients = {film.patient: film for film in split.films}
    numbers = {int(name.removeprefix("patient")) for name in patients}
    assert not numbers & set(range(201, 214))  # uncertain only
    assert not numbers & set(range(221, 226))  # AP, and the talk is about PA
    assert not numbers & set(range(231, 234))  # nothing said
    assert patients["patient00101"].kind == "Edema"  # the other finding is uncertain
    assert patients["patient00121"].kind == "multiple"
    assert patients["patient00241"].attributes["support_devices"] == "yes"
    assert counts(split)["validation"] == (7, 6)
    assert facts["view"] == "PA"
    assert facts["left_out"]["normal films of patients with abnormal ones"] == 1


def test_the_talks_split_of_chexpert(tmp_path):
    header = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *trees.CHEXPERT)
    rows = {"train": [], "valid": []}
    plan = (("train", 5249, True, 0), ("train", 700, False, 6000),
            ("valid", 14, True, 8000), ("valid", 19, False, 8100))  # fmt: skip
    for side, films, normal, first in plan:
        for number in range(first, first + films):
            place = f"{side}/patient{number:05d}/study1/view1_frontal.jpg"
            touch(tmp_path / place)
            labels = ["1.0" if name == ("No Finding" if normal else "Edema") else ""
                      for name in trees.CHEXPERT]  # fmt: skip
            rows[side].append((f"CheXpert-v1.0/{place}", "Female", "50", "Frontal", "PA", *labels))
    for side, content in rows.items():
        trees.table(tmp_path / f"{side}.csv", header, content)
    split, _ = chosen("chexpert", tmp_path)
    found = counts(split)
    assert found["train"][0] + found["calibration"][0] == 4999
    assert found["validation"] == (14, 19)
    assert found["test"] == (250, 250)
    assert found["pool"] == (0, 450)


def test_views_can_be_chosen_and_are_told_where_there_is_none(tmp_path):
    root = trees.nih(tmp_path / "nih")
    for view in ("PA", "AP"):
        split, _ = chosen("nih", root, view=view)
        assert {film.attributes["view"] for film in split.films} == {view}
    with pytest.raises(DataError, match="'zhanglab' has no PA films: it has no views"):
        chosen("zhanglab", trees.zhanglab(tmp_path / "zhanglab"), view="PA")
    with pytest.raises(DataError, match="'vindr' has no AP films: it has PA"):
        chosen("vindr", trees.vindr(tmp_path / "vindr"), view="AP")


def test_chexpert_laterals_are_never_read(tmp_path):
    split, _ = chosen("chexpert", trees.chexpert(tmp_path), view="any")
    assert {film.path.name for film in split.films} == {"view1_frontal.jpg"}
    assert {film.attributes["view"] for film in split.films} == {"PA", "AP"}


def test_chexpert_in_batches_is_found(tmp_path):
    root = trees.chexpert(tmp_path)
    small = root / "CheXpert-v1.0-small"
    before, _ = chosen("chexpert", root)
    (small / "train").rename(root / "CheXpert-v1.0 batch 2 (train 1)")
    small.rename(root / "CheXpert-v1.0 batch 1 (validate & csv)")
    after, _ = chosen("chexpert", root)
    assert counts(before) == counts(after)


def test_covidx_patients_of_different_sources_are_different(tmp_path):
    split, _ = chosen("covidx", trees.covidx(tmp_path))
    assert {"rsna:0", "ricord:0"} <= {film.patient for film in split.films}
    assert counts(split)["test"] == (5, 5)
    assert sum(film.path.name == "ricord-3 a.png" for film in split.films) == 1


def test_old_covidx_tables_without_a_source_are_read(tmp_path):
    root = trees.covidx(tmp_path)
    for side in ("train", "test"):
        lines = (root / f"{side}.txt").read_text().splitlines()
        names = {"negative": "normal", "positive": "COVID-19"}
        short = [" ".join([*line.split()[:-2], names[line.split()[-2]]]) for line in lines]
        (root / f"{side}.txt").unlink()
        (root / f"{side}_COVIDx5.txt").write_text("\n".join(short))
    split, _ = chosen("covidx", root)
    assert counts(split)["test"] == (5, 5)
    (root / "train_COVIDx5.txt").write_text("one two\n")
    with pytest.raises(
        DataError, match=r"train_COVIDx5.txt:1: expected 'patient file label source'"
    ):
        chosen("covidx", root)


def test_covidx_with_a_validation_part_keeps_it(tmp_path):
    root = trees.covidx(tmp_path)
    rows = [(f"v{index}", "negative" if index < 3 else "positive") for index in range(5)]
    for name, _ in rows:
        trees.film(root / "val" / f"{name}.png")
    (root / "val.txt").write_text("\n".join(f"{n} {n}.png {label} x" for n, label in rows))
    assert counts(chosen("covidx", root)[0])["validation"] == (3, 2)


def test_padchest_reads_frontal_films_whose_labels_are_clear(tmp_path):
    split, _ = chosen("padchest", trees.padchest(tmp_path), view="any")
    patients = {film.patient: film for film in split.films}
    assert not {f"p{number}" for number in range(200, 206)} & set(patients)
    assert "p301" not in patients
    assert patients["p300"].attributes["projection"] == "AP_horizontal"
    assert patients["p300"].label == 0
    assert patients["p100"].kind == "multiple"
    assert patients["p120"].kind == "cardiomegaly"
    assert patients["p100"].attributes["age"] == "61"


def test_padchest_tables_may_be_gzipped_and_films_in_one_folder(tmp_path):
    plain, _ = chosen("padchest", trees.padchest(tmp_path / "a"))
    root = trees.padchest(tmp_path / "b", compressed=True)
    (root / "images").mkdir()
    for folder in ("0", "1", "2"):
        for path in (root / folder).iterdir():
            path.rename(root / "images" / path.name)
    packed, _ = chosen("padchest", root)
    assert counts(plain) == counts(packed)


def test_nih_boxes_are_shares_of_the_published_size(tmp_path):
    split, _ = chosen("nih", trees.nih(tmp_path))
    (film,) = [film for film in split.films if film.boxes]
    assert film.boxes == ((0.25, 0.5, 0.375, 0.56298828125), (0.0, 0.0, 1.0, 1.0))
    assert film.part == "test"
    data = load_data("nih", str(tmp_path))
    boxes = data.test.boxes[data.test.names.tolist().index(next(
        name for name in data.test.names if name.endswith(film.path.name)))]  # fmt: skip
    assert np.allclose(boxes[0], [48.0, 96.0, 72.0, 108.09375])


def test_nih_takes_the_official_test_list_and_without_it_nothing_is_tested(tmp_path):
    split, _ = chosen("nih", trees.nih(tmp_path / "a"))
    assert counts(split)["test"] == (5, 5)
    split, _ = chosen("nih", trees.nih(tmp_path / "b", lists=False))
    assert counts(split)["test"] == (0, 0)
    ages = {film.patient: film.attributes["age"] for film in split.films}
    assert ages["1"] == "58"


def test_vindr_goes_by_the_majority_of_readers(tmp_path):
    split, _ = chosen("vindr", trees.vindr(tmp_path))
    films = {film.patient: film for film in split.films}
    assert films["n000"].label == 0  # one of three saw something
    assert films["a000"].kind == "Pneumonia"
    assert films["d000"].kind == "disputed"
    assert "t000" not in films
    assert counts(split)["test"] == (5, 5)


def test_vindr_boxes_are_shares_of_the_films_own_size(tmp_path):
    root = trees.vindr(tmp_path)
    films = {film.patient: film for film in chosen("vindr", root)[0].films}
    assert films["a000"].boxes == ((0.1, 0.1, 0.5, 0.5), (9 / 80, 0.1, 0.5, 0.51))
    assert films["y000"].boxes == ((0.1, 0.1, 0.5, 0.5),)
    assert films["n000"].boxes == ()  # of a finding that the others did not see
    header = ("image_id", "dim0", "dim1")
    trees.table(root / "test_meta.csv", header, [(f"y{i:03d}", 200, 160) for i in range(5)])
    films = {film.patient: film for film in chosen("vindr", root)[0].films}
    assert films["y000"].boxes == ((0.05, 0.05, 0.25, 0.25),)


def test_vindr_is_read_as_dicom(tmp_path):
    pytest.importorskip("pydicom")
    root = trees.vindr(tmp_path, trees.dicom, ".dicom")
    films = {film.patient: film for film in chosen("vindr", root)[0].films}
    assert films["y000"].boxes == ((0.1, 0.1, 0.5, 0.5),)
    assert len(load_data("vindr", str(root)).test) == 10


def test_padchest_may_lack_the_column_of_sexes(tmp_path):
    root = trees.padchest(tmp_path)
    rewrite(next(root.glob("*.csv")), "PatientSex_DICOM", "Gender")
    split, _ = chosen("padchest", root)
    assert {film.attributes["sex"] for film in split.films} == {""}


def test_a_path_of_chexpert_that_is_too_short_is_named(tmp_path):
    root = trees.chexpert(tmp_path)
    table = next(root.rglob("train.csv"))
    first = table.read_text(encoding="utf-8-sig").splitlines()[1].split(",")[0]
    rewrite(table, first, "view1_frontal.jpg")
    with pytest.raises(
        DataError, match=r"Path 'view1_frontal\.jpg' must look like train/patient00001"
    ):
        chosen("chexpert", root)


@pytest.mark.parametrize(
    ("text", "years"), [("058Y", "58"), ("0", "0"), ("000Y", "0"), ("011M", "0"), ("018M", "1"),
                        ("003D", "0"), ("414", "414"), ("", "")],
)  # fmt: skip
def test_ages_of_nih_films_are_whole_years(text, years):
    assert nih._age(text) == years
