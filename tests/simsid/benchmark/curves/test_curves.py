from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from simsid.benchmark.__main__ import main
from simsid.benchmark.curves import methods as curve_methods
from simsid.benchmark.curves.digits import draw_digits, track_anatomy
from simsid.benchmark.curves.output import NEVER
from simsid.benchmark.curves.records import SeverityRow
from simsid.benchmark.curves.severity import page_of, seen_from, severity_rows
from simsid.errors import SimsidError
from synth import AnatomyConfig, DigitAnatomy

SMALL = AnatomyConfig(2, 2, "1234", 16, generator=2, difficulty=0.5)
FEW = ["--train", "40", "--epochs", "1", "--normals", "12", "--per-kind", "2"]


@pytest.fixture
def small_tracks(monkeypatch):
    """Tracks of 32 pixels, and few normals to calibrate on."""
    from synth.plan import DatasetConfig
    from synth.population import POPULATIONS
    from synth.tracks import TRACKS

    away = AnatomyConfig(2, 2, "1234", 16, generator=2, population=POPULATIONS["other-scanner"])
    monkeypatch.setitem(TRACKS, "hard-1", {"": DatasetConfig(SMALL)})
    sets = {"home": DatasetConfig(SMALL), "away": DatasetConfig(away)}
    monkeypatch.setitem(TRACKS, "shift-1", sets)
    monkeypatch.setattr(curve_methods, "CALIBRATION", 30)


def test_rows_of_a_perfect_and_of_a_blind_method(monkeypatch):
    drawn = draw_digits(SMALL, 10, 3)
    assert (drawn.labels[:10] == 0).all() and drawn.labels[10:].all()

    def answer(detector, images):
        truth = (drawn.regions > 0).astype(float)
        maps = truth if detector == "perfect" else np.zeros_like(truth)
        return type("Answer", (), {"score": maps.sum((1, 2)), "anomaly_map": maps[:, None]})()

    monkeypatch.setattr("simsid.benchmark.curves.severity.predict_in_batches", answer)
    for row in severity_rows("perfect", "perfect", drawn, 0.5):
        assert row.auroc == 1 and row.spro == pytest.approx(1)
    blind = severity_rows("blind", "blind", drawn, 0.5)
    assert {row.auroc for row in blind} == {0.5}
    assert [row.group for row in blind[:3]] == ["all", "structural", "logical"]
    assert {row.group for row in blind[3:]} == set(DigitAnatomy(SMALL).kinds[1:])


def rows(*values):
    places = np.linspace(0, 1, len(values))
    return [
        SeverityRow(
            method="m", group="all", strength=float(s), auroc=v, auroc_ci=None, spro=None, n=9
        )
        for s, v in zip(places, values, strict=True)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.5, 0.7, 0.8, 0.9, 1.0), 0.375),
        ((0.9, 0.9, 0.95), 0.0),
        ((0.5, 0.6, 0.7), None),
        ((0.8, 0.6, 0.9), 0.75),
    ],
)
def test_a_kind_is_seen_from_where_its_curve_stays_above(values, expected):
    assert seen_from(rows(*values)) == (None if expected is None else pytest.approx(expected))


def test_harder_anomalies_are_the_same_samples():
    from dataclasses import replace

    blatant = draw_digits(replace(SMALL, difficulty=0.0), 5, 4)
    subtle = draw_digits(replace(SMALL, difficulty=1.0), 5, 4)
    assert np.array_equal(blatant.images[:5], subtle.images[:5])
    large = [np.flatnonzero(part.kinds == "large") for part in (blatant, subtle)]
    for one, other in zip(*large, strict=True):
        cells = [
            np.argwhere(part.regions[i])[0] // 16 for part, i in ((blatant, one), (subtle, other))
        ]
        assert np.array_equal(*cells)


def test_severity_writes_table_rows_and_figure(small_tracks, tmp_path):
    out = tmp_path / "out"
    command = ["severity", "--models", "padim", "--strengths", "0.5,1", "--out", str(out), *FEW]
    assert main(command) == 0
    content = json.loads((out / "severity.json").read_text())
    kinds = DigitAnatomy(SMALL).kinds[1:]
    assert len(content["rows"]) == 2 * (3 + len(kinds))
    with open(out / "severity.csv", newline="") as file:
        assert {"auroc_low", "auroc_high", "spro"} <= set(next(csv.DictReader(file)))
    page = (out / "severity.md").read_text()
    assert "| logical |" in page
    assert "python -m simsid.benchmark severity --models padim" in page and str(out) not in page
    with Image.open(out / "severity.png") as figure:
        assert figure.width > 300  # tests draw coarsely


def test_shift_tells_normals_flagged_before_and_after(small_tracks, tmp_path):
    out = tmp_path / "out"
    command = ["shift", "--models", "padim", "--strengths", "0,1", "--out", str(out), *FEW]
    assert main([*command, "--local-normals", "60"]) == 0
    home, away = json.loads((out / "shift.json").read_text())["rows"]
    assert away["flagged"] > home["flagged"] + 0.3, "the other scanner is seen"
    assert away["recalibrated"] < away["flagged"]
    assert "| padim | 1 |" in (out / "shift.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["severity", "--track", "soft-1"], "unknown track"),
        (["severity", "--strengths", "2"], "--strengths must be numbers"),
        (["severity", "--strengths", "much"], "--strengths must be numbers"),
        (["severity", "--models", "nobody"], "nobody"),
        (["severity", "--models", ","], "names none"),
        (["severity", "--normals", "1"], "--normals and --per-kind"),
        (["shift", "--track", "hard-1"], "has no 'home' set; take shift-1"),
        (["shift", "--population", "nowhere"], "unknown 'nowhere'"),
        (["shift", "--local-normals", "3"], "--local-normals must be at least"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_trained(arguments, message, tmp_path):
    with pytest.raises(SimsidError, match=message):
        main([*arguments, "--out", str(tmp_path / "out")])


def test_a_model_for_other_images_is_refused(tmp_path, small_tracks):
    import hub

    folder = hub.BUNDLED_FOLDER / "digitanatomy"
    with pytest.raises(SimsidError, match="those of the track have"):
        main(["severity", "--models", str(folder), "--out", str(tmp_path / "out")])


def test_a_detectors_name_is_no_folder_of_the_checkout(tmp_path, small_tracks, monkeypatch):
    (tmp_path / "padim").mkdir()
    monkeypatch.chdir(tmp_path)
    choice = curve_methods.MethodChoice(("padim",), train=40, epochs=1, seed=0, device="cpu")
    found = curve_methods.methods(choice, SMALL, print)
    assert [(name, detector.name) for name, detector in found.items()] == [("padim", "padim")]


def test_the_page_shows_a_dash_for_what_is_never_seen():
    some = rows(0.5, 0.5)
    assert f"| all | {NEVER} |" in page_of(some, ["all"], "hard-1")
    assert track_anatomy("hard-1").starts == 3
