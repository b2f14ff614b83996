"""An exported model says what the model says."""

import csv
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import hub
from hub.export import before, export
from simsid import score
from simsid.cli import run_command
from simsid.data.preprocess import Preprocessing
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.detectors import detector_names, load_model, save_model
from simsid.errors import ModelFolderError, SimsidError
from simsid.export.compare import TOLERANCE
from simsid.export.convert import write_onnx
from simsid.export.engines import Onnx
from tests.simsid.export.models import TINY, films, fitted

onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("graphs_are_made_once")
# Of the normals' spread: after one epoch there is little of it, and float32 rounds all the same.
ROUNDING = 5e-3
LONG = dict.fromkeys(("simsid", "squid", "thumbnail-nn", "padim"), pytest.mark.slow)
QUICK = [name for name in TINY if name not in LONG]


CARD = """# tiny

On 30 normal and 20 abnormal images of blobs (data 0123, commit none). Measured on the validation part.

| metric | value |
|---|---:|
| sensitivity at the threshold | 0.650 |

## Threshold

{:.3f}, from 30 normals kept out of training.
"""
ROUNDED = {"score", "percentile", "p_value", "model"}  # columns in which runtimes may differ


@pytest.fixture(
    scope="module", params=[*QUICK, *(pytest.param(n, marks=mark) for n, mark in LONG.items())]
)
def pair(request, tmp_path_factory):
    """A model folder, and what was exported of it, with the report."""
    folder = tmp_path_factory.mktemp(request.param)
    model = fitted(request.param)
    save_model(model, folder / "model")
    card = CARD.format(model.calibration.threshold("fused"))
    (folder / "model" / "README.md").write_text(card, encoding="utf-8")
    return (
        folder / "model",
        folder / "exported",
        export(folder / "model", "onnx", folder / "exported"),
    )


def assert_alike(model, exported, images, tolerance=TOLERANCE):
    """Scores, regions and maps within a share of the normals' spread, and the same verdicts.

    For all images at once, and for the last one alone.
    """
    for name in model.score_names:
        ours, spread = model.predict(images, name), model.calibration.scores[name].std()
        alone = model.predict(images, name, 1)  # what torch itself differs by
        clear = np.abs(ours.score - model.calibration.threshold(name)) > tolerance * spread
        for part in (slice(None), slice(-1, None)):
            theirs = exported.predict(images[part], name)
            for values, whole, one, wide in (
                (theirs.score, ours.score, alone.score, spread),
                (theirs.regions, ours.regions, alone.regions, ours.regions.std()),
                (theirs.anomaly_map, ours.anomaly_map, alone.anomaly_map, ours.anomaly_map.std()),
            ):
                room = max(tolerance * wide, 3 * np.abs(one - whole).max())
                assert np.abs(values - whole[part]).max() <= room, name
            judged = model.calibration.is_abnormal(name, theirs.score)
            expected = model.calibration.is_abnormal(name, ours.score)[part]
            assert np.array_equal(judged[clear[part]], expected[clear[part]])


def test_scores_regions_and_maps_are_those_of_the_model_for_any_batch(pair):
    model, exported = load_model(pair[0]), hub.load_exported(pair[1])
    assert_alike(model, exported, films(6), ROUNDING)


def test_the_report_is_of_every_output_and_stands_in_the_card(pair):
    model, exported, report = pair
    assert len(report.float32.differences) == 3 * len(load_model(model).score_names)
    assert not [each for each in report.float32.differences if each.is_beyond(ROUNDING)]
    assert report.float32.flips == 0
    told = {each.output: (each.differ, each.largest) for each in report.float32.judged}
    assert told["threshold"] == told["population"] == told["abnormal"] == (0, 0)
    assert told["p_value"][0] <= 1  # a score between two normals may round to either side
    card = (exported / "README.md").read_text(encoding="utf-8")
    assert "not a medical device" in card and all(line in card for line in report.lines())


def test_the_graph_itself_judges_as_the_calibration_does(pair):
    model = load_model(pair[0])
    found = Onnx(pair[1] / "model.onnx").run(
        films()[:, None], ["score", "p_value", "percentile", "threshold", "abnormal"]
    )
    calibration, name = model.calibration, model.score_names[0]
    assert np.array_equal(found["p_value"], calibration.p_value(name, found["score"]))
    assert np.array_equal(found["percentile"], calibration.percentile(name, found["score"]))
    assert set(found["threshold"]) == {calibration.threshold(name)}
    assert np.array_equal(found["abnormal"], calibration.is_abnormal(name, found["score"]))


def test_films_of_another_size_are_fitted_inside_the_graph(pair):
    model, large = load_model(pair[0]), films(4).repeat(3, axis=1).repeat(2, axis=2)
    kit = model.predict(np.stack([model.preprocessing.apply(film) for film in large]))
    graph = Onnx(pair[1] / "model.onnx").run(large[:, None], ["score"])["score"]
    spread = model.calibration.scores["fused"].std()
    assert np.abs(graph - kit.score).max() < 0.02 * spread  # a grey level here and there


def test_torch_and_onnx_fill_the_same_table(pair, tmp_path):
    for index, film in enumerate(films(4)):
        np.save(tmp_path / f"{index}.npy", film)
    rows = {}
    for engine, folder in (("torch", pair[0]), ("onnx", pair[1])):
        out = tmp_path / f"{engine}.csv"
        arguments = [tmp_path / "*.npy", "--model", folder, "--engine", engine, "--out", out,
                     "--accept-out-of-place"]  # fmt: skip
        assert run_command(lambda arguments=arguments: score.main([*map(str, arguments)])) == 0
        with open(out, encoding="utf-8", newline="") as file:
            rows[engine] = list(csv.DictReader(file))
    spread = load_model(pair[0]).calibration.scores["fused"].std()
    assert [row["found_share"] for row in rows["torch"]].count("0.65") >= 1
    for ours, theirs in zip(rows["torch"], rows["onnx"], strict=True):
        assert abs(float(ours["score"]) - float(theirs["score"])) < ROUNDING * spread
        assert abs(float(ours["p_value"]) - float(theirs["p_value"])) < 1.5 / 31
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - ROUNDED:
            assert ours[name] == theirs[name], name
        fingerprint, _, options = ours["model"].partition(" ")
        told = theirs["model"].split(" ", 2)
        assert told[0] == fingerprint and told[2] == options == "accept"
        assert told[1].startswith("onnx=") and told[1] != f"onnx={fingerprint}"


@pytest.fixture(scope="module")
def cheap(tmp_path_factory):
    """The quickest model to export."""
    folder = tmp_path_factory.mktemp("cheap")
    save_model(fitted("mean-grey"), folder / "model")
    export(folder / "model", "onnx", folder / "exported")
    return folder


def test_an_engine_that_does_not_fit_the_folder_is_told_what_does(cheap, tmp_path, capsys):
    np.save(tmp_path / "film.npy", films(1)[0])
    for engine, folder, words in (
        ("onnx", cheap / "model", "python -m hub export"),
        ("torch", cheap / "exported", "add --engine onnx"),
        ("onnx", cheap / "nope", "nope does not exist: check the path"),
        ("onnx", "bundled:digitanatomy", "bundled:digitanatomy is no exported model"),
    ):
        arguments = [tmp_path / "film.npy", "--model", folder, "--engine", engine, "--out",
                     tmp_path / "s.csv"]  # fmt: skip
        assert run_command(lambda arguments=arguments: score.main([*map(str, arguments)])) == 2
        assert words in capsys.readouterr().err


def test_a_graph_that_was_changed_is_refused(cheap, tmp_path):
    shutil.copytree(cheap / "exported", tmp_path / "exported")
    (tmp_path / "exported" / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelFolderError, match="export the model again"):
        hub.load_exported(tmp_path / "exported")
    with pytest.raises(ModelFolderError, match="no exported model"):
        hub.load_exported(cheap / "model")
    with pytest.raises(ModelFolderError, match="nope does not exist"):
        hub.load_exported(cheap / "nope")


def test_an_export_replaces_an_export_and_nothing_else(cheap, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine", encoding="utf-8")
    for taken in (tmp_path / "other", cheap / "model"):
        with pytest.raises(SimsidError, match="nothing was changed"):
            export(cheap / "model", "onnx", taken)
    shutil.copytree(cheap / "exported", tmp_path / "exported")
    first = hub.load_exported(tmp_path / "exported").predict(films()).score
    (tmp_path / "exported" / "model.xml").write_text("the graph of another engine")
    export(cheap / "model", "onnx", tmp_path / "exported")
    assert np.array_equal(hub.load_exported(tmp_path / "exported").predict(films()).score, first)
    assert not (tmp_path / "exported" / "model.xml").exists()


def test_what_stops_the_exporter_is_told_in_one_sentence(tmp_path, monkeypatch):
    def fail(*_, **named):
        raise RuntimeError("step 2 of 4\nfailed") from ValueError("\n  no operator for svd\nmore")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(SimsidError) as error:
        write_onnx(fitted("mean-grey"), tmp_path / "model.onnx")
    said = "'mean-grey' does what ONNX cannot say and cannot be exported: no operator for svd"
    assert str(error.value) == said and not (tmp_path / "model.onnx").exists()


@pytest.mark.slow
def test_a_detector_that_cannot_be_exported_is_named_in_one_sentence(tmp_path):
    detector = fitted("mean-grey")
    detector.number = lambda images: torch.linalg.svd(images[:, 0]).S.amax(1)
    with pytest.raises(SimsidError, match="'mean-grey' does what ONNX cannot say") as error:
        write_onnx(detector, tmp_path / "model.onnx")
    assert "\n" not in str(error.value) and not (tmp_path / "model.onnx").exists()


def test_a_graph_that_says_something_else_is_refused_and_not_written(cheap, tmp_path, monkeypatch):
    run = Onnx.run

    def shifted(self, films, names):
        found = run(self, films, names)
        return {name: values + 1 if name == "map" else values for name, values in found.items()}

    monkeypatch.setattr(Onnx, "run", shifted)
    with pytest.raises(SimsidError, match=r"differs from torch by .* \(map\).*nothing was written"):
        export(cheap / "model", "onnx", tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_a_conclusion_that_differs_is_counted(cheap, tmp_path, monkeypatch):
    run = Onnx.run

    def sure(self, films, names):
        found = run(self, films, names)
        return {name: values * 0 if name == "p_value" else values for name, values in found.items()}

    monkeypatch.setattr(Onnx, "run", sure)
    report = export(cheap / "model", "onnx", tmp_path / "exported")
    [told] = [each for each in report.float32.judged if each.output == "p_value"]
    assert told.differ == 32 and 0 < told.largest <= 1
    assert f"| p_value | 32 of 32 | {told.largest:.1e} |" in report.lines()


@pytest.mark.parametrize("absent", ["onnx", "onnxscript"])
def test_absent_packages_are_told_in_one_sentence(absent, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(SimsidError, match=r"pip install '\.\[onnx\]'"):
        write_onnx(fitted("mean-grey"), tmp_path / "model.onnx")


def test_an_absent_runtime_is_told_in_one_sentence(cheap, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SimsidError, match="needs the package onnxruntime"):
        hub.load_exported(cheap / "exported")


def test_an_exported_model_says_that_it_has_no_networks(cheap):
    with pytest.raises(SimsidError, match="was exported"):
        hub.load_exported(cheap / "exported").evidence(torch.zeros(1, 1, 32, 32))


def test_the_card_says_what_the_graph_leaves_to_others():
    plain = Preprocessing((32, 32))
    assert "Any size" in before(plain)
    assert "2 % and 98 % percentiles" in before(replace(plain, window=(2.0, 98.0)))
    assert "prepared by" in before(replace(plain, clahe=0.01))


EXAMPLE = "docs/export.md"


def test_the_example_of_the_documents_needs_onnxruntime_and_numpy_alone(cheap, tmp_path):
    text = (Path(__file__).parents[3] / EXAMPLE).read_text(encoding="utf-8")
    code = text.split("```python\n", 1)[1].split("```", 1)[0]
    assert len(code.strip().splitlines()) <= 10
    (tmp_path / "example.py").write_text(
        "import sys\nsys.modules['torch'] = sys.modules['simsid'] = None\n" + code, "utf-8"
    )
    np.save(tmp_path / "film.npy", films(1)[0])
    (tmp_path / "exported").symlink_to(cheap / "exported")
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = hub.load_exported(cheap / "exported").predict(films(1))
    assert f"score {told.score[0]:.3f}" in done.stdout


@pytest.mark.soak
@pytest.mark.parametrize("name", [n for n in detector_names() if n not in TINY])
def test_every_other_detector_is_exported_alike(name, tmp_path):
    save_model(fitted(name), tmp_path / "model")
    report = export(tmp_path / "model", "onnx", tmp_path / "exported")
    assert report.float32.flips == 0
    assert not [each for each in report.float32.differences if each.is_beyond(ROUNDING)]
    assert_alike(
        load_model(tmp_path / "model"), hub.load_exported(tmp_path / "exported"), films(), ROUNDING
    )


@pytest.mark.soak
@pytest.mark.parametrize("name", ["bundled:digitanatomy", "bundled:chest"])
def test_bundled_models_are_exported_within_the_stated_tolerance(name, tmp_path):
    report = export(name, "onnx", tmp_path / "exported")
    assert not [each for each in report.float32.differences if each.is_beyond(TOLERANCE)]
    assert report.float32.flips == 0
    if name == "bundled:digitanatomy":
        images = make_digitanatomy(
            train=1, calibration=1, validation=0, test_normal=10, test_per_kind=5
        ).test.images
        assert_alike(hub.load(name), hub.load_exported(tmp_path / "exported"), images)
