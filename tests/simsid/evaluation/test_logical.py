"""What is wrong only as a whole need not be found whole: the report says how much was."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from simsid.data.load import load_data
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.evaluation import tables
from simsid.evaluation.evaluate import evaluate
from simsid.evaluation.measures import logical_measures
from synth import AnatomyConfig
from synth.__main__ import main as synth
from tests.simsid.helpers import make_data, make_detector

SECOND = AnatomyConfig(2, 2, "1234", 16, generator=2)


@pytest.fixture(scope="module")
def digits():
    return make_digitanatomy(SECOND, 20, 20, 4, 6, 2)


def seen(maps):
    return SimpleNamespace(anomaly_map=maps[:, None].astype(float))


def test_finding_as_much_as_would_mend_it_is_all(digits):
    placed = digits.test.placed
    logical = placed.families == "logical"
    enough = np.zeros(digits.test.masks.shape, bool)
    for index in np.flatnonzero(logical):
        for number, count in enumerate(placed.saturations[index], start=1):
            rows, cols = np.nonzero(placed.regions[index] == number)
            enough[index, rows[:count], cols[:count]] = True
    assert enough[logical].sum() < digits.test.masks[logical].sum()  # it was not all of the mask
    found = logical_measures(digits.test, seen(enough))
    assert found["spro"] == pytest.approx(1) and found["n"] == logical.sum()
    assert set(found["by_kind"]) == set(digits.test.kinds[logical])
    assert all(value == pytest.approx(1) for value in found["by_kind"].values())
    half = enough & (np.arange(32) % 2 == 0)
    assert logical_measures(digits.test, seen(half))["spro"] < 0.75


def test_structural_anomalies_do_not_count(digits):
    structural = digits.test.placed.families == "structural"
    maps = digits.test.masks & structural[:, None, None]
    assert logical_measures(digits.test, seen(maps))["spro"] < 0.1


@pytest.mark.parametrize("labelled", [
    make_data().test, make_digitanatomy(AnatomyConfig(2, 2, "1234", 16), 20, 20, 4, 6, 2).test,
])  # fmt: skip
def test_elsewhere_it_is_not_applicable(labelled):
    maps = np.zeros(labelled.images.shape)
    assert logical_measures(labelled, seen(maps)) is None


def test_a_generated_folder_says_the_same_as_the_generator(digits, tmp_path):
    root = tmp_path / "set"
    shape = ("--rows", "2", "--cols", "2", "--order", "1234", "--cell", "16")
    sizes = ("--train", "20", "--val", "4", "--test-normal", "6", "--test-per-kind", "2")
    synth(["generate", "--generator", "2", "--out", str(root), *shape, *sizes])
    read = load_data("digitanatomy", str(root)).test
    order = [
        int(np.flatnonzero((read.images == image).all((1, 2)))[0]) for image in digits.test.images
    ]
    assert np.array_equal(read.placed.regions[order], digits.test.placed.regions)
    assert [read.placed.saturations[i] for i in order] == list(digits.test.placed.saturations)
    assert list(read.placed.families[order]) == list(digits.test.placed.families)


def test_the_report_tells_it_or_says_that_there_is_none(digits, data, tmp_path):
    test = dataclasses.replace(data.test, placed=None)
    results = evaluate(make_detector(data), dataclasses.replace(data, test=test)).results
    assert results["logical"] is None
    assert ("sPRO of logical anomalies", "n/a") in tables.pixel_table(results).rows
    told = results | {
        "logical": {"spro": 0.25, "fpr_limit": 0.05, "n": 4, "by_kind": {"large": 0.5}}
    }
    rows = tables.pixel_table(told).rows
    assert ("sPRO of logical anomalies", "0.250") in rows and ("… large", "0.500") in rows
    assert "up to a rate of 0.05" in tables.pixel_words(told)


def test_evaluate_measures_it(digits):
    detector = make_detector(digits)
    evaluation = evaluate(detector, digits)
    logical = evaluation.results["logical"]
    assert logical == logical_measures(digits.test, evaluation.prediction)
    assert 0 <= logical["spro"] <= 1
