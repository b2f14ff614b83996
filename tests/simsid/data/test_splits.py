import random
from collections import Counter
from pathlib import Path

import pytest

from simsid.data.film import Film
from simsid.data.sets.splits import Plan, split_films
from simsid.errors import DataError


def films(patients, kind="normal", part="train", each=1):
    return [
        Film(Path(f"{part}-{patient}-{index}.png"), kind, part, str(patient))
        for patient in patients
        for index in range(each)
    ]


def parts(split):
    return Counter((film.part, film.label) for film in split.films)


def places(split):
    return {film.path: film.part for film in split.films}


SOME = films(range(200), each=2) + films(range(300, 350), "mass") + films(range(40, 45), "mass")


def test_patients_are_never_in_two_parts():
    split = split_films(SOME, Plan(validation=(50, 20), test=(50, 20)))
    places = {}
    for film in split.films:
        assert places.setdefault(film.patient, film.part) == film.part


def test_counts_are_exact_where_patients_allow_it():
    split = split_films(
        films(range(400)) + films(range(500, 600), "mass"),
        Plan(train=100, validation=(30, 20), test=(40, 25)),
    )
    assert parts(split) == {
        ("train", 0): 80, ("calibration", 0): 20, ("validation", 0): 30, ("validation", 1): 20,
        ("test", 0): 40, ("test", 1): 25, ("pool", 1): 55,
    }  # fmt: skip
    assert split.left_out == {"normal films beyond the split": 230}


def test_the_order_of_files_does_not_matter_but_the_seed_does():
    plan = Plan(validation=(0.2, 0.4))
    shuffled = random.Random(0).sample(SOME, len(SOME))
    assert places(split_films(SOME, plan)) == places(split_films(shuffled, plan))
    assert places(split_films(SOME, plan)) != places(split_films(SOME, plan, seed=1))


def test_a_new_patient_moves_few_others():
    plan = Plan(validation=(0.2, 0.4))
    before, after = (split_films(SOME + more, plan) for more in ([], films([999])))
    assert len(places(after).items() - places(before).items()) <= 8


def test_normal_films_of_someone_with_an_abnormal_one_are_left_out():
    split = split_films(SOME, Plan(validation=(0.2, 0.4)))
    assert split.left_out == {"normal films of patients with abnormal ones": 10}
    normal = {film.patient for film in split.films if not film.label}
    assert not normal & {str(patient) for patient in range(40, 45)}


def test_who_is_in_the_authors_test_part_is_nowhere_else():
    split = split_films(SOME + films(range(5), "mass", "test"), Plan(validation=(0.2, 0.4)))
    assert split.left_out["films of patients who are in test or validation too"] == 10
    assert parts(split)["test", 1] == 5
    assert {f.part for f in split.films if f.patient in set("01234")} == {"test"}


def test_calibration_is_a_tenth_and_at_least_forty_where_possible():
    sizes = {}
    for normals in (1000, 300, 50):
        sizes[normals] = parts(split_films(films(range(normals)), Plan()))["calibration", 0]
    assert sizes == {1000: 100, 300: 40, 50: 10}


def test_calibration_comes_from_the_authors_validation_when_it_is_large():
    split = split_films(films(range(50)) + films(range(100, 150), part="validation"), Plan())
    counts = parts(split)
    assert (counts["train", 0], counts["calibration", 0], counts["validation", 0]) == (50, 25, 25)
    assert split.calibration_from == "half of the normals in validation"


def test_a_small_set_keeps_most_of_its_films_for_training():
    small = films(range(80)) + films(range(100, 140), "mass")
    counts = parts(split_films(small, Plan(train=4999, validation=(14, 19), test=(250, 250))))
    assert counts["test", 0] + counts["validation", 0] <= 20
    assert counts["pool", 1] >= 20


def test_too_few_normals_are_refused():
    with pytest.raises(
        DataError, match="5 normal films are left to train on; at least 12 are needed"
    ):
        split_films(films(range(5)), Plan())


@pytest.mark.parametrize("count", range(1, 12))
def test_what_is_needed_is_the_same_however_few_there_are_and_is_enough(count):
    with pytest.raises(DataError, match=f"{count} normal film.*; at least 12 are needed"):
        split_films(films(range(count)), Plan())
    assert parts(split_films(films(range(12)), Plan()))["train", 0] == 10
