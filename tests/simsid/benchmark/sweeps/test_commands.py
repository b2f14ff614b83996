from __future__ import annotations

import csv
import functools
import json

import pytest

from simsid.benchmark import adapter, options
from simsid.benchmark.__main__ import main
from simsid.benchmark.cases import Case
from simsid.benchmark.sweeps import ablation_rows as rows
from simsid.cli import run_command
from simsid.data.image_kind import FILMS, Cells
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.detectors import detector_class, save_model
from synth import AnatomyConfig
from tests.simsid.helpers import make_detector

SMALL = ["--detector", '{"channels": [8, 16], "decoder_channels": [4, 8], "scoring_slots": 8}']
FAST = ["--epochs", "1", "--batch-size", "8", "--device", "cpu", "--precision", "fp32"]


@functools.cache
def few_digits(contamination):
    config = AnatomyConfig(contamination=contamination)
    return make_digitanatomy(config, 16, 20, 12, test_normal=4, test_per_kind=2)


@pytest.fixture
def tiny_digits(monkeypatch):
    """DigitAnatomy with a few images, at whatever contamination is asked for."""

    def load(choice, *_):
        return few_digits(choice.films.contamination)

    monkeypatch.setattr(adapter, "load_choice", load)


def run(*arguments: str) -> int:
    return run_command(lambda: main(list(arguments)))


def test_ablation_trains_writes_and_resumes(tiny_digits, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["ablation", "--seeds", "2", "--rows", "without in-painting", *FAST, *SMALL]
    assert run(*command, "--out", str(out)) == 0
    names = {path.name for path in out.iterdir()}
    assert {
        "rows.jsonl",
        "settings.json",
        *(f"ablation.{e}" for e in ("md", "csv", "json", "png")),
    } <= names
    table = json.loads((out / "ablation.json").read_text(), parse_constant=pytest.fail)
    full, without = table["rows"]
    assert full["case"] == "full"
    assert full["seeds"] == without["seeds"] == 2
    assert set(full["scores"]) == {"fused", "discriminator", "reconstruction", "feature_distance",
                                   "region_posterior", "unexpected"}  # fmt: skip
    assert "difference_ci" in without["scores"]["fused"]
    assert table["made"]["part"] == "validation"
    page = (out / "ablation.md").read_text()
    assert "python -m simsid.benchmark ablation --seeds 2" in page
    assert table["made"]["data_fingerprint"] in page
    with open(out / "ablation.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * 6
    lines = (out / "rows.jsonl").read_text()
    assert run(*command, "--out", str(out)) == 0
    assert (out / "rows.jsonl").read_text() == lines
    assert "4 of 4 rows are done already" in capsys.readouterr().out


def test_a_row_that_cannot_be_built_is_reported_beside_the_others(
    tiny_digits, tmp_path, monkeypatch
):
    broken = Case("without channels", {"channels": []})
    monkeypatch.setitem(rows.ROWS, "simsid", (broken,))
    assert run("ablation", "--seeds", "1", *FAST, *SMALL, "--out", str(tmp_path)) == 0
    page = (tmp_path / "ablation.md").read_text()
    assert "0 (1 failed)" in page
    assert "do not make a 'simsid'" in page
    shown = tmp_path / "shown"
    again = ("ablation", "--seeds", "1", *FAST, *SMALL, "--out", str(tmp_path))
    assert run(*again, "--export", str(shown)) == 0
    assert {path.name for path in shown.iterdir()} == {
        f"ablation.{end}" for end in ("md", "csv", "json", "png")
    }
    text = "".join((shown / f"ablation.{end}").read_text() for end in ("md", "csv", "json"))
    assert "--out OUT --export EXPORT" in text and str(tmp_path) not in text
    assert "SimsidError, see rows.jsonl" in text and "do not make" not in text
    assert "There are no differences" in text


def test_rows_of_ones_own_work_for_any_model(tiny_digits, tmp_path):
    own = ("--row", 'narrow={"channels": [4, 4, 4, 4]}', "--row", 'short={"latent_dim": 8}')
    assert run("ablation", "--model", "ae", "--seeds", "1", *own, *FAST,
               "--out", str(tmp_path)) == 0  # fmt: skip
    table = json.loads((tmp_path / "ablation.json").read_text())
    assert [row["case"] for row in table["rows"]] == ["full", "narrow", "short"]


def test_a_row_that_changes_nothing_is_left_out(tiny_digits, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(rows.ROWS, "simsid", (Case("without noise", {"gumbel": 0.0}),))
    assert run("ablation", "--seeds", "1", *FAST, *SMALL, "--out", str(tmp_path)) == 0
    assert "left out: 'without noise'" in capsys.readouterr().err
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1


def test_a_row_about_scores_that_the_method_lacks_is_left_out(tiny_digits, tmp_path, capsys):
    out = str(tmp_path)
    assert (
        run("ablation", "--seeds", "1", "--rows", "without grafts", *FAST, *SMALL, "--out", out)
        == 0
    )
    assert "left out: 'without grafts'" in capsys.readouterr().err


def test_contamination_draws_the_curve_at_equal_size(tiny_digits, tmp_path):
    assert run("contamination", "--seeds", "1", "--rates", "0,0.5", *FAST, *SMALL,
               "--out", str(tmp_path)) == 0  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [line["train_images"] for line in lines] == [16, 16]
    assert [line["abnormal_in_training"] for line in lines] == [0, 8]
    page = (tmp_path / "contamination.md").read_text()
    assert "8 of 16" in page
    assert (tmp_path / "contamination.png").exists()


def test_robustness_needs_no_training_and_untouched_films_do_not_move(
    data, tmp_path, registered, monkeypatch
):
    save_model(make_detector(data), tmp_path / "model")
    monkeypatch.setattr(adapter, "load_choice", lambda *_: data)
    out = tmp_path / "out"
    assert run("robustness", "--model", str(tmp_path / "model"), "--out", str(out)) == 0
    rows = json.loads((out / "robustness.json").read_text())["rows"]
    assert {row["score"] for row in rows} == {"fused", "residual", "brightness"}
    found = {row["case"]: row for row in rows if row["is_default"]}
    assert found["untouched"]["move"] == found["untouched"]["distance"] == 0
    assert found["noise SD 0.06"]["distance"] >= abs(found["noise SD 0.06"]["move"])
    assert found["exposure +0.1"]["move"] > 1
    assert found["exposure +0.1"]["false_alarms"] > found["untouched"]["false_alarms"]
    assert found["noise SD 0.06"]["difference_ci"] is not None
    assert (out / "robustness.png").exists()


def test_speed_prints_both_precisions(capsys):
    assert run("speed", "--model", "ae", "--preset", "quick", "--image-size", "32", "--repeats", "1",
               "--batch-size", "2") == 0  # fmt: skip
    assert "training, images/s" in capsys.readouterr().out


def test_speed_of_a_method_without_steps_is_that_of_its_look_at_the_normals(capsys):
    assert run("speed", "--model", "mean-grey", "--image-size", "32", "--repeats", "1") == 0
    shown = capsys.readouterr().out
    assert "learn from the batch" in shown and "train step" not in shown
    assert "training is one look at the normals" in shown


@pytest.mark.parametrize("model", list(rows.ROWS))
def test_every_declared_row_changes_a_setting_that_exists(model):
    cls = detector_class(model)
    base = cls.config_class.preset("quick", (96, 96), Cells((3, 3)))
    films = cls.components_of(cls.config_class.preset("quick", (128, 128), FILMS))
    for case in rows.ROWS[model]:
        for key, value in case.settings.items():
            assert hasattr(base, key), f"{case.name}: {key}"
            for inner in value if isinstance(value, dict) else ():
                assert hasattr(getattr(base, key), inner), f"{case.name}: {key}.{inner}"
        assert not case.acts_on or set(case.acts_on) & set(films), case.name
    names = [case.name for case in rows.ROWS[model]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "simsid.benchmark has no 'nonsense'"),
        (
            ["ablation", "--model", "ae", "--out", "x"],
            "no ablation rows for 'ae'; give some with --row",
        ),
        (["ablation", "--row", "narrow", "--out", "x"], "--row must be as"),
        (["ablation", "--row", "narrow=[1]", "--out", "x"], "--row must be as"),
        (["ablation", "--row", 'full={"a": 1}', "--out", "x"], "two rows are called 'full'"),
        (["ablation", "--rows", "without legs", "--out", "x"], "no row 'without legs'"),
        (["ablation", "--epochs", "0", "--out", "x"], "--epochs must be at least 1, not 0"),
        (["ablation", "--out", "x", "--export", "./x"], "--export must name another folder"),
        (["speed", "--repeats", "0"], "at least 1"),
        (["patchcore", "--runs", "0"], "--runs must be at least 1, not 0"),
        (["contamination", "--rates", "2", "--out", "x"], "--rates must lie in [0, 1)"),
        (
            ["contamination", "--train-images", "0", "--out", "x"],
            "--train-images must be at least 1",
        ),
        (["robustness", "--model", "nowhere", "--out", "x"], "no model folder at nowhere"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_benchmark(capsys):
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("speed", "ablation", "contamination", "robustness"))


def test_sweeps_measure_on_validation_first(data):
    import dataclasses

    both = dataclasses.replace(data, validation=data.test)
    assert options.labelled_part(both, None)[0] == "validation"
    assert options.labelled_part(data, None)[0] == "test"
