from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from simsid.detectors import save_model
from simsid.detectors.calibration import Calibration
from simsid.detectors.findings import WARN, Finding
from simsid.detectors.found_share import FoundShare, found_shares
from simsid.detectors.model_folder import describe
from simsid.errors import DataError, SimsidError
from simsid.evaluation import report as report_module
from simsid.evaluation.card import card_text
from simsid.evaluation.card_sections import learned_from
from simsid.evaluation.content import summary_of
from simsid.evaluation.evaluate import evaluate, strict_json
from simsid.evaluation.measures import found_by_population
from simsid.evaluation.report import report_on
from tests.simsid.helpers import make_data, make_detector


def results_of(detector, data, part=None):
    return evaluate(detector, data, part=part).results


@pytest.fixture(scope="module")
def results(data):
    return results_of(make_detector(data), data)


def test_results_have_the_promised_keys(results):
    image = "auroc auroc_ci aupr accuracy f1 sensitivity specificity threshold false_alarm_rate"
    assert {*image.split(), "oracle_accuracy", "oracle_f1"} <= set(results["image"])
    assert set(results["by_kind"]) == {"spot", "faint"}
    assert set(results["by_kind"]["spot"]) >= {"auroc", "n"}
    assert set(results["by_score"]) == {"fused", "residual", "brightness"}
    assert {"auroc", "aupro", "dice", "iou"} <= set(results["pixel"])
    for measure in ("mse", "kl", "ssim"):
        assert set(results["reconstruction"][measure]) == {"normal", "abnormal"}
    assert results["part"] == "test"
    assert {"n", "groups", "boxes", "data_fingerprint", "commit", "seconds"} <= set(results)


@pytest.mark.parametrize(("confidence", "takes"), [(None, 99), (0.9, 230)])
def test_too_few_normals_are_told_with_what_the_rate_takes(data, confidence, takes):
    detector = make_detector(data)
    detector.calibration = Calibration(detector.calibration.scores, 0.01, confidence=confidence)
    told = summary_of(results_of(detector, data), None)
    assert f"for a false-alarm rate of 1 %: it takes {takes}\n" in told


def test_the_threshold_comes_from_calibration_and_never_from_test_labels(data, results):
    detector = make_detector(data)
    assert results["image"]["threshold"] == detector.calibration.threshold("fused")
    turned = dataclasses.replace(data.test, labels=1 - data.test.labels)
    again = results_of(detector, dataclasses.replace(data, test=turned))
    assert again["image"]["threshold"] == results["image"]["threshold"]
    assert again["pixel"]["threshold"] == results["pixel"]["threshold"]
    assert again["image"]["oracle_f1_threshold"] != results["image"]["oracle_f1_threshold"]


def test_a_clear_anomaly_is_found_and_a_faint_one_less(results):
    assert results["by_kind"]["spot"]["auroc"] == 1.0
    assert results["by_kind"]["faint"]["auroc"] <= 1.0
    assert results["reconstruction"]["mse"]["abnormal"] > results["reconstruction"]["mse"]["normal"]


def test_false_alarms_on_measured_normals_are_reported_with_an_interval(results):
    flagged = results["calibration"]["normals_flagged"]
    assert flagged["ci"][0] <= flagged["share"] <= flagged["ci"][1]
    assert flagged["share"] == pytest.approx(1 - results["image"]["specificity"])


def test_a_foreign_calibration_set_is_noticed(data, results):
    assert results["calibration"]["is_own"]
    other = make_data(seed=5)
    assert not results_of(make_detector(data), other)["calibration"]["is_own"]


@pytest.fixture
def nothing_drawn(monkeypatch):
    """Figures are most of a report's time."""
    monkeypatch.setattr(report_module, "draw_figures", lambda *_: {})


def test_results_are_strict_json_even_without_abnormals(nothing_drawn, tmp_path):
    data = make_data(per_kind=0)
    summary = report_on(make_detector(data), data, tmp_path)
    results = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert results["image"]["auroc"] is None
    assert results["by_kind"] == {}
    assert results["image"]["specificity"] is not None
    assert "class is missing" in (tmp_path / "report.md").read_text()
    assert "n/a" in summary


def test_too_few_calibration_normals_give_no_verdict_and_say_so(data, nothing_drawn, tmp_path):
    detector = make_detector(data)
    few = {name: values[:5] for name, values in detector.calibration.scores.items()}
    detector.calibration = Calibration(few, 0.05)
    report_on(detector, data, tmp_path)
    image = json.loads((tmp_path / "report.json").read_text())["image"]
    assert image["threshold"] is None
    assert image["accuracy"] is None
    assert image["auroc"] is not None
    assert "too few calibration normals" in (tmp_path / "report.md").read_text()


def test_without_masks_there_are_no_pixel_metrics(data):
    test = dataclasses.replace(data.test, masks=None)
    results = results_of(make_detector(data), dataclasses.replace(data, test=test))
    assert results["pixel"] is None


def test_abnormals_without_a_mask_are_left_out_and_counted(data):
    masks = data.test.masks.copy()
    masks[data.test.kinds == "faint"] = False
    test = dataclasses.replace(data.test, masks=masks)
    pixel = results_of(make_detector(data), dataclasses.replace(data, test=test))["pixel"]
    assert pixel["abnormal_without_mask"] == 12
    assert pixel["n"] == 52


def test_what_cannot_be_evaluated_is_refused_in_one_line(data):
    detector = make_detector(data)
    with pytest.raises(DataError, match="no labelled test or validation part"):
        results_of(detector, dataclasses.replace(data, test=None))
    with pytest.raises(DataError, match="64x64 px, the model takes 32x32"):
        results_of(detector, make_data(size=64))
    detector.calibration = None
    with pytest.raises(SimsidError, match="not calibrated"):
        results_of(detector, data)


def test_the_validation_part_is_measured_where_there_is_no_test_part_and_named(
    data, nothing_drawn, tmp_path
):
    detector = make_detector(data)
    save_model(detector, tmp_path / "model")
    only_validation = dataclasses.replace(data, validation=data.test, test=None)
    summary = report_on(detector, only_validation, tmp_path, model_folder=tmp_path / "model")
    results = json.loads((tmp_path / "report.json").read_text())
    assert results["part"] == "validation"
    assert summary.startswith("validation part: image AUROC")
    for text in ((tmp_path / "report.md"), (tmp_path / "model" / "README.md")):
        assert "validation part" in text.read_text()
        assert "may have been used for choosing" in text.read_text()
        assert "read once" not in text.read_text()


def test_a_part_may_be_chosen_and_a_missing_one_is_named(data):
    detector = make_detector(data)
    both = dataclasses.replace(data, validation=make_data(normals=15, seed=3).test)
    assert results_of(detector, both)["n"]["normal"] == 40
    assert results_of(detector, both, part="validation")["n"]["normal"] == 15
    with pytest.raises(DataError, match="no labelled validation part; it has test"):
        results_of(detector, data, part="validation")


def test_groups_and_boxes_reach_the_report(data, tmp_path):
    views = np.array(["PA", "AP"])[np.arange(len(data.test)) % 2]
    boxes = tuple(_box_of(mask) for mask in data.test.masks)
    test = dataclasses.replace(data.test, attributes={"view": views}, boxes=boxes)
    summary = report_on(make_detector(data), dataclasses.replace(data, test=test), tmp_path)
    results = json.loads((tmp_path / "report.json").read_text())
    assert set(results["groups"]["by"]["view"]) == {"AP", "PA"}
    assert results["boxes"]["n"] == 24
    assert results["boxes"]["pointing"]["value"] > 2 * results["boxes"]["chance_pointing"]
    assert "pointing game" in summary
    page = (tmp_path / "report.md").read_text()
    assert "view: PA" in page
    assert "IoU, union of boxes" in page
    assert (tmp_path / "figures" / "groups.png").exists()


def _box_of(mask):
    if not mask.any():
        return np.zeros((0, 4), np.float32)
    rows, cols = np.nonzero(mask)
    return np.array([[cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]], np.float32)


def test_a_data_set_with_very_many_kinds_still_makes_a_report(data, tmp_path):
    kinds = data.test.kinds.astype("U12")
    kinds[kinds != "normal"] = [f"finding {number}" for number in range(24)]
    test = dataclasses.replace(data.test, kinds=kinds)
    report_on(make_detector(data), dataclasses.replace(data, test=test), tmp_path)
    assert (tmp_path / "figures" / "panels.png").exists()
    assert "finding 23" in (tmp_path / "report.md").read_text()


def test_strict_json_turns_what_is_not_finite_into_none():
    value = {"a": np.float32("nan"), "b": [float("inf"), np.int64(3)], 4: (np.array([1.0]),)}
    assert strict_json(value) == {"a": None, "b": [None, 3], "4": [[1.0]]}


def test_report_stands_alone_and_the_card_holds_measured_numbers(data, tmp_path):
    detector = make_detector(data)
    save_model(detector, tmp_path / "model")
    metrics = tmp_path / "metrics.jsonl"
    lines = [
        {"step": s, "epoch": 0, "stage": "a" if s < 5 else "b", "g.loss": 1 / s}
        for s in range(1, 9)
    ]
    metrics.write_text("\n".join(json.dumps(line) for line in lines) + '\n{"step": 9, "g.lo')
    report = tmp_path / "report"
    report_on(detector, data, report, metrics, tmp_path / "model", command="python -m x")
    names = {path.stem for path in (report / "figures").iterdir()}
    assert names == {"panels", "curves", "scores", "reconstruction", "training", "embedding"}
    page, text = (report / "report.html").read_text(), (report / "report.md").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert 'src="http' not in page
    assert "not a medical device" in page
    assert "not a medical device" in text
    assert "python -m x" in text
    assert data.fingerprint in text
    results = json.loads((report / "report.json").read_text())
    card = (tmp_path / "model" / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    measured = front["model-index"][0]["results"][0]["metrics"][0]
    assert measured["value"] == round(results["image"]["auroc"], 4)


def test_the_card_says_what_training_saw_and_no_more(data):
    described = describe(make_detector(data))
    assert learned_from(described) == "images that its data set calls normal"
    painted = described | {"scores": ["fused", "lesion"]}
    assert learned_from(painted).endswith("calls normal and on lesions painted into them")
    mixed = described | {"facts": {"data": {"contaminated": 7}}}
    assert learned_from(mixed).endswith("calls normal, 7 abnormal ones mixed in")
    both = painted | {"facts": {"data": {"contaminated": 7}}}
    assert learned_from(both).endswith("7 abnormal ones mixed in, and on lesions painted into them")
    card = card_text(mixed, results_of(make_detector(data), data))
    assert "detector trained on images that its data set calls normal, 7 abnormal ones" in card
    assert "normal images only" not in card and "false-alarm rate of 5 %;" in card


def test_the_card_of_several_populations_tells_what_each_threshold_found(data, tmp_path):
    detector = make_detector(data)
    save_model(detector, tmp_path / "model")
    described = json.loads((tmp_path / "model" / "config.json").read_text())
    measured = results_of(detector, data)
    told = measured["image"]["found"][""]
    assert told["n"] == 24 and told["share"] == measured["image"]["sensitivity"]
    card = tmp_path / "README.md"
    image = measured["image"] | {
        "thresholds": {"near | (n = 4)": 1.0, "far": 2.5, "nobody": 3.0},
        "found": {
            "near | (n = 4)": {"n": 20, "share": 0.75},
            "far": {"n": 4, "share": 0.25},
            "nobody": {"n": 0, "share": None},
        },
    }
    card.write_text(card_text(described, measured | {"image": image}))
    assert "without a verdict" not in card.read_text()
    left = {"without_verdict": {"normal": 0, "abnormal": 7}}
    card.write_text(card_text(described, measured | {"image": image | left}))
    assert "| abnormal images without a verdict | 7 |" in card.read_text()
    at = (1.0, 2.5, 3.0)
    assert found_shares(card) == (
        FoundShare(0.75, 20, "test part", at), FoundShare(0.25, 4, "test part", at), None
    )  # fmt: skip
    before = image | {"found": {}}  # cards of before tell one share, which is no threshold's own
    card.write_text(card_text(described, measured | {"image": before}))
    assert found_shares(card) == ()


def test_each_thresholds_share_is_of_the_abnormals_that_it_judges(data):
    detector = make_detector(data)
    detector.calibration = Calibration(
        {name: np.r_[np.full(30, 1.0), np.full(30, 5.0)] for name in detector.score_names},
        populations=np.repeat([0, 1], 30),
        names=("low", "high"),
    )
    scores = np.array([9.0, 2.0, 0.0, 9.0, 9.0, 2.0, 9.0])
    labels, judged = np.array([1, 1, 1, 0, 1, 1, 0]), np.array([0, 0, 0, 0, 1, 1, 1])
    prediction = SimpleNamespace(score=scores, population=judged)
    assert found_by_population(detector, labels, prediction) == {
        "low": {"n": 3, "share": 2 / 3},
        "high": {"n": 2, "share": 0.5},
    }
    decided = np.array([1, 0, 1, 1, 0, 0, 1], bool)
    assert found_by_population(detector, labels, prediction, decided) == {
        "low": {"n": 2, "share": 0.5},
        "high": {"n": 0, "share": None},
    }


def test_films_without_a_verdict_are_not_among_those_flagged_or_found(data, tmp_path, monkeypatch):
    """The placement check doubts the first ten normals and the last six spots and faint ones."""
    detector = make_detector(data)
    images, labels = detector.as_batch(data.test.images), data.test.labels
    strange = {image.numpy().tobytes() for image in (*images[:10], *images[-6:])}
    doubt = [Finding("not_like_training", WARN, "it looks odd")]
    monkeypatch.setattr(
        detector.placement,
        "findings",
        lambda batch: [doubt if film.numpy().tobytes() in strange else [] for film in batch],
    )
    save_model(detector, tmp_path / "model")
    measured = results_of(detector, data)
    image, flagged = measured["image"], measured["calibration"]["normals_flagged"]
    assert image["without_verdict"] == {"normal": 10, "abnormal": 6}
    scores = detector.predict(images).score
    above = detector.calibration.is_abnormal("fused", scores)
    assert flagged["n"] == 30 and flagged["share"] == above[labels == 0][10:].mean()
    closing = summary_of(measured, tmp_path / "report.html")
    assert (
        "; 10 normal and 6 abnormal images get no verdict: false alarms leave them out" in closing
    )
    found = above[labels == 1][:-6].mean()
    assert image["found"] == {"": {"n": 18, "share": found}}
    assert measured["groups"]["all"]["flagged"]["n"] == 30
    described = json.loads((tmp_path / "model" / "config.json").read_text())
    card = tmp_path / "README.md"
    card.write_text(card_text(described, measured))
    assert "| abnormal images without a verdict | 6 |" in card.read_text()
    (told,) = found_shares(card)
    assert (told.abnormals, told.share) == (18, pytest.approx(found, abs=5e-4))
