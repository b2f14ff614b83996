"""An export in 8 bits says nearly what the model says, and tells how nearly."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import hub
from hub.__main__ import main as hub_main
from hub.export import export
from hub.int8 import Int8Films, Int8Report, ReadFilms, measure, read_films
from simsid import score
from simsid.cli import run_command
from simsid.detectors import load_model, save_model
from simsid.errors import DataError, SimsidError
from simsid.export.compare import compare
from simsid.export.graph import ABNORMAL, P_VALUE, PERCENTILE, POPULATION, THRESHOLD
from simsid.export.quantise import quantise
from tests.simsid.export.models import films, fitted
from tests.simsid.two_populations import films_of, make_two

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("graphs_are_made_once")


def write_films(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for index, image in enumerate(images):
        np.save(folder / f"{index:02d}.npy", image)
    return folder


@pytest.fixture(scope="module")
def stages():
    """What that export told as it began."""
    return []


@pytest.fixture(scope="module")
def made(tmp_path_factory, stages):
    """A model, its films, and its export in 8 bits."""
    folder = tmp_path_factory.mktemp("int8")
    save_model(fitted("ae"), folder / "model")
    normals = write_films(folder / "normals", films(26)[:24])
    write_films(folder / "labelled" / "normal", films(18)[4:16])
    write_films(folder / "labelled" / "turned", films(18)[4:16, ::-1])
    labelled = Int8Films(normals, folder / "labelled")
    return folder, export(folder / "model", "onnx", folder / "int8", labelled, stages.append)


def test_each_stage_is_told_as_it_begins(made, stages):
    assert stages == [
        "reading the films",
        "writing the graph",
        "quantising: ranges from 24 films",
        "comparing it with torch on 32 made normals",
        "timing both",
        "measuring what 8 bits change on 24 labelled films",
        "timing torch and both graphs",
    ]


def test_networks_compute_in_integers_and_nothing_else_does(made):
    folder, report = made
    graph = onnx.load(folder / "int8" / "model.onnx").graph
    whole = {each.name: each for each in graph.initializer}
    rounded = {name for name, each in whole.items() if each.data_type == onnx.TensorProto.INT8}
    assert report.int8.layers >= 2
    assert len([name for name in rounded if "weight" in name and "zero" not in name]) >= 2
    outputs = {
        name for node in graph.node if node.op_type == "QuantizeLinear" for name in node.output
    }
    assert outputs and not outputs & {each.name for each in graph.output}
    assert report.int8.megabytes[1] < 0.6 * report.int8.megabytes[0]


def test_the_score_moves_a_little_and_the_report_says_by_how_much(made):
    folder, report = made
    one, other = load_model(folder / "model"), hub.load_exported(folder / "int8")
    judged = np.concatenate([films(18)[4:16], films(18)[4:16, ::-1]])
    ours, theirs = one.predict(judged), other.predict(judged)
    apart = np.abs(ours.score - theirs.score) / one.calibration.scores["fused"].std()
    assert 0 < apart.max() < 1
    assert report.int8.largest == pytest.approx(apart.max(), abs=1e-3)
    assert report.int8.of_normals == pytest.approx(apart[:12].max(), abs=1e-3)
    above = [one.calibration.is_abnormal("fused", each.score) for each in (ours, theirs)]
    assert report.int8.flips == (above[0] != above[1]).sum()
    assert (report.int8.normals, report.int8.abnormals, report.int8.own) == (12, 12, False)
    assert abs(report.int8.auroc[0] - report.int8.auroc[1]) < 0.05


def test_a_score_that_moves_far_is_told_and_warned_of_without_a_changed_verdict(made):
    folder, report = made
    one = load_model(folder / "model")
    spread = float(one.calibration.scores["fused"].std())
    read = read_films(one, Int8Films(folder / "normals"))

    class Moved:  # the model itself, but for two films; none passes the threshold by it
        def predict(self, images, *rest):
            told = one.predict(images, *rest)
            score = told.score.copy()
            if len(score) == len(read.judged):
                score[[3, 5]] -= np.float32([4 * spread, 1.5 * spread])
            return replace(told, score=score)

        def __getattr__(self, name):
            return getattr(one, name)

    told = measure(one, one, Moved(), read, 2, (2.0, 1.0))
    before = one.predict(read.judged).score[3]
    assert told.far == 2 and told.largest == told.of_normals == pytest.approx(4, abs=1e-3)
    assert told.moved == pytest.approx((before, before - 4 * spread), abs=1e-4)
    told = replace(told, flips=0)
    (warning,) = told.warnings()
    assert "move the score of 2 of 24 films by more than 1 of the normals' spread" in warning
    assert f"at most by 4.0 (from {told.moved[0]:.3g} to {told.moved[1]:.3g})" in warning
    assert "and by more than 1 in 2 of 24 films" in "\n".join(told.lines())
    assert report.int8.far == 0 and "spread" not in "".join(report.int8.warnings())


def test_a_score_moves_by_the_spread_of_the_normals_that_judge_the_film():
    """The wide films score far higher than the narrow ones: no film's move is told by that."""
    two = make_two()
    calibration = two.calibration
    judged = np.concatenate([films_of("narrow", 4, 90), films_of("wide", 4, 91)]) / np.float32(255)
    read = ReadFilms(judged, judged, np.zeros(8, bool), True, ())
    spreads = [calibration.spread("fused", i) for i in range(2)]
    assert np.std(calibration.scores["fused"]) > 2 * max(spreads)

    class Moved:
        def predict(self, images, *rest):
            told = two.predict(images, *rest)
            return replace(
                told, score=told.score + np.float32(2 * spreads[0]) * (told.population == 0)
            )

        def __getattr__(self, name):
            return getattr(two, name)

        def conclusions(self, images):
            return dict.fromkeys(
                (P_VALUE, PERCENTILE, THRESHOLD, ABNORMAL, POPULATION), np.zeros(8)
            )

    told = measure(two, two, Moved(), read, 2, (2.0, 1.0))
    assert compare(two, Moved(), judged, (2.0, 1.0)).differences[0].spread == min(spreads)
    assert told.far == 4 and told.largest == pytest.approx(2, abs=1e-3)


def test_report_and_card_tell_both_graphs(made):
    folder, report = made
    card = (folder / "int8" / "README.md").read_text("utf-8")
    assert all(line in card for line in report.lines())
    assert "as a graph in 8 bits" in card and "| AUROC |" in card
    assert "every difference is within" in card or "beyond" in card  # of the graph in float32
    assert hub.load_exported(folder / "int8").config.precision == "int8"


def test_the_command_line_scores_with_it(made, tmp_path):
    folder, _ = made
    arguments = [folder / "labelled" / "turned", "--model", folder / "int8", "--engine", "onnx",
                 "--accept-out-of-place", "--out", tmp_path / "s.csv"]  # fmt: skip
    assert run_command(lambda: score.main([*map(str, arguments)])) == 0
    assert len((tmp_path / "s.csv").read_text("utf-8").splitlines()) == 13


def test_without_labels_the_normals_are_compared_and_it_says_so(made):
    folder, _ = made
    model = load_model(folder / "model")
    read = read_films(model, Int8Films(folder / "normals"))
    assert read.own and not read.abnormal.any() and len(read.judged) == 24
    told = measure(model, model, hub.load_exported(folder / "int8"), read, 2, (2.0, 1.0))
    assert told.auroc is None and 0 < told.largest < 1
    lines = "\n".join(told.lines())
    assert "24 normals, of which some or all gave the ranges" in lines and "AUROC" not in lines


def test_ranges_from_judged_films_are_told_and_abnormal_ones_refused(made, tmp_path):
    folder, report = made
    model = load_model(folder / "model")
    for name, kept in (("normal", folder / "normals"), ("turned", folder / "labelled" / "turned")):
        (tmp_path / name).symlink_to(kept)
    assert read_films(model, Int8Films(folder / "normals", tmp_path)).own
    with pytest.raises(DataError, match="normal"):
        read_films(model, Int8Films(tmp_path))
    told = replace(report.int8, left_out=("turned: left out: 3 films, out of place",)).lines()
    assert "\nturned: left out: 3 films, out of place" in told


def test_the_command_hands_over_the_films_and_prints_warnings(made, monkeypatch, capsys):
    folder, report = made
    given = []

    def exported(*arguments):
        *arguments, begin = arguments
        given.append(tuple(arguments))
        begin("quantising")
        return replace(report, int8=replace(report.int8, flips=2))

    monkeypatch.setattr("hub.export.export", exported)
    arguments = ["export", "bundled:chest", "--int8", "--normals", folder / "normals", "--labelled",
                 folder / "labelled", "--out", folder / "out"]  # fmt: skip
    assert run_command(lambda: hub_main([*map(str, arguments)])) == 0
    films = Int8Films(folder / "normals", folder / "labelled")
    assert given == [("bundled:chest", "onnx", folder / "out", films)]
    said, beside = capsys.readouterr()
    assert beside == "quantising\n"
    assert "warning: 8 bits change 2 of 24 verdicts" in said
    order = (
        "### The graph in float32",
        "On 32 normals made",
        "### In 8 bits",
        "| AUROC",
        "| 1 film",
    )
    places = [said.rindex(each) for each in order]
    assert places == sorted(places)  # on a screen the last is read first
    card = "\n".join(report.lines())
    assert (
        card.index("### In 8 bits") < card.index("| AUROC") < card.index("### The graph in float32")
    )


@pytest.mark.slow
def test_openvino_computes_it_too(made, tmp_path):
    pytest.importorskip("openvino")
    folder, _ = made
    report = export(folder / "model", "openvino", tmp_path / "out", Int8Films(folder / "normals"))
    assert report.int8.largest < 1
    assert report.int8.megabytes[1] < 0.6 * report.int8.megabytes[0]
    judged = films(6)
    ours = hub.load_exported(folder / "int8").predict(judged).score
    theirs = hub.load_exported(tmp_path / "out").predict(judged).score
    spread = load_model(folder / "model").calibration.scores["fused"].std()
    assert np.abs(ours - theirs).max() < spread


REPORT = Int8Report(
    10, 10, 3, False, (0.9, 0.9015), 0.1, 0.1, (1.0, 1.1), 0, 0.01, 0, {1: (1.0, 1.0, 1.0)},
    (2.0, 1.0),
)  # fmt: skip


def test_a_moved_auroc_and_changed_verdicts_are_warned_of():
    assert REPORT.warnings() == []
    [told] = replace(REPORT, auroc=(0.9, 0.897)).warnings()
    assert "-0.0030, more than 0.002" in told
    [told] = replace(REPORT, flips=3).warnings()
    assert "3 of 20 verdicts" in told


def test_what_is_slower_in_8_bits_is_told():
    assert "longer in 8 bits" not in "\n".join(REPORT.lines())
    one = replace(REPORT, seconds={1: (1.0, 0.2, 0.3), 32: (9.0, 5.0, 4.0)})
    assert one.lines()[-1] == "\nOne film takes longer in 8 bits than in float32 on this machine."
    both = replace(one, seconds={1: (1.0, 0.2, 0.3), 32: (9.0, 5.0, 6.0)})
    assert "One film and 32 films take longer in 8 bits" in both.lines()[-1]


def test_options_that_do_not_belong_together_are_told(made, tmp_path, capsys):
    folder, _ = made
    for more in (
        ["--int8"],
        ["--normals", folder / "normals"],
        ["--labelled", folder / "labelled"],
    ):
        arguments = ["export", folder / "model", "--out", tmp_path / "out", *more]
        assert run_command(lambda given=arguments: hub_main([*map(str, given)])) == 2
        assert "give a folder of normal films" in capsys.readouterr().err
    with pytest.raises(SimsidError, match=r"needs a folder normal .* found turned/"):
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / "turned").symlink_to(folder / "labelled" / "turned")
        export(folder / "model", "onnx", tmp_path / "out",
               Int8Films(folder / "normals", tmp_path / "one"))  # fmt: skip
    with pytest.raises(
        SimsidError,
        match=r"films? to take ranges from, at least 20 are needed.*\. Give more normal films$",
    ):
        export(
            folder / "model", "onnx", tmp_path / "out", Int8Films(folder / "labelled" / "turned")
        )
    assert not (tmp_path / "out").exists()


def test_a_model_without_networks_is_told_so(tmp_path):
    """What a detector multiplies outside of its networks stays in floating point."""
    weights = onnx.numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    shapes = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy"]
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "own sum")
    graph = helper.make_graph([node], "g", shapes[:1], shapes[1:], [weights])
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    with pytest.raises(SimsidError, match="no network that could compute in 8 bits"):
        quantise(tmp_path / "model.onnx", films(20))


def test_an_absent_runtime_is_told_in_one_sentence(made, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("onnxruntime")]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SimsidError, match="--int8 needs the package onnxruntime"):
        quantise(made[0] / "int8" / "model.onnx", films(20))
