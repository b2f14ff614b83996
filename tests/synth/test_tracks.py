import csv
import json

import pytest
from PIL import Image

from synth import AnatomyConfig, DigitAnatomy
from synth.cli import main
from synth.factors import COLUMNS
from synth.tracks import TRACKS, track_sets

FEW = ["--train", "3", "--val", "0", "--test-normal", "2", "--test-per-kind", "1"]


def test_tracks_carry_their_version_and_easy_is_the_set_of_old():
    assert all(name[-2] == "-" and name[-1].isdigit() for name in TRACKS)
    assert track_sets("easy-1")[""].anatomy == AnatomyConfig()


def test_settings_of_tracks_are_frozen():
    """A change here makes another benchmark: give it the next number."""
    hard = track_sets("hard-1")[""].parameters()
    assert hard["anatomy"]["seed"] == 20270 and hard["anatomy"]["starts"] == 3
    assert hard["anatomy"]["difficulty"] == 0.75
    sizes = ("train", "val", "test_normal", "test_per_kind")
    assert [hard[name] for name in sizes] == [1600, 400, 400, 100]
    home, away = track_sets("shift-1").values()
    assert home.anatomy.population is None and away.anatomy.population.name == "other-hands-1"
    assert away.train == 0


def test_a_track_makes_its_sets_and_refuses_what_it_has_frozen(tmp_path, capsys, monkeypatch):
    from dataclasses import replace

    small = {
        name: replace(config, train=2 if config.train else 0, val=1, test_normal=1, test_per_kind=1)
        for name, config in TRACKS["shift-1"].items()
    }
    monkeypatch.setitem(TRACKS, "shift-1", small)
    out = tmp_path / "out"
    assert main(["generate", "--track", "shift-1", "--out", str(out), "--seed", "3"]) == 2
    assert "leave out --seed" in capsys.readouterr().err
    assert main(["generate", "--track", "shift-1", "--out", str(out)]) == 0
    for name in ("home", "away"):
        assert main(["verify", str(out / name)]) == 0
        manifest = json.loads((out / name / "manifest.json").read_text())
        assert manifest["parameters"]["track"] == "shift-1" and manifest["version"] == "2.0.0"
        assert "track shift-1" in (out / name / "README.md").read_text()
    assert not (out / "away/train").exists()


def test_population_and_generator_on_the_command_line(tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--out", str(out), *FEW, "--population", "other-scanner"]
    assert main(["generate", *options]) == 2
    assert "--generator 2" in capsys.readouterr().err
    assert main(["generate", *options, "--population-strength", "0.5", "--generator", "2"]) == 0
    parameters = json.loads((out / "manifest.json").read_text())["parameters"]["anatomy"]
    assert parameters["population"]["name"] == "other-scanner" and parameters["strength"] == 0.5
    card = (out / "README.md").read_text()
    assert "Population other-scanner at strength 0.5" in card and "**turned** (logical)" in card
    assert main(["generate", "--out", str(tmp_path / "b"), *FEW, "--population", "nowhere"]) == 2
    assert "unknown 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize("generator", ["1", "2"])
def test_every_image_has_a_row_of_factors_and_a_line_of_json(generator, npz, tmp_path):
    out = tmp_path / "out"
    options = ["--digits", str(npz), "--generator", generator, "--contamination", "0.4"]
    assert main(["generate", "--out", str(out), *FEW, *options]) == 0
    records = json.loads((out / "manifest.json").read_text())["samples"]
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert lines == records
    with open(out / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [record["id"] for record in records]
    assert list(rows[0]) == ["id", "split", "kind", "label", *COLUMNS]
    contaminated = [row for row in rows if row["split"] == "train" and row["label"] == "1"]
    assert contaminated and all(row["changed"] for row in contaminated)
    assert str(tmp_path) not in (out / "manifest.csv").read_text()


def test_the_contact_sheet_shows_each_split_and_kind_of_the_set(npz, tmp_path):
    out = tmp_path / "out"
    options = ["--digits", str(npz), "--kinds", "novel", "missing", "--cell", "16"]
    assert main(["generate", "--out", str(out), *FEW, *options]) == 0
    with Image.open(out / "contact-sheet.png") as sheet:
        tall = sheet.height
    # train normal, test normal, novel and missing: four rows of 192 pixels and more
    assert 4 * 192 < tall < 5 * 240


def test_generated_samples_remember_nothing_of_the_company_they_were_made_in():
    anatomy = DigitAnatomy(track_sets("hard-1")[""].anatomy)
    forward = anatomy.samples("test", "repeated", range(6))
    for sample in forward:
        alone = DigitAnatomy(anatomy.config).sample("test", "repeated", sample.index)
        assert alone.image.tobytes() == sample.image.tobytes()
        assert alone.places == sample.places and alone.factors == sample.factors


def test_no_name_of_a_population_is_a_formula_in_the_table(tmp_path):
    named = tmp_path / "named.json"
    named.write_text(json.dumps({"name": "=1+1", "noise": 0.05}))
    options = ["--out", str(tmp_path / "out"), *FEW, "--generator", "2", "--population", str(named)]
    assert main(["generate", *options]) == 0
    with open(tmp_path / "out" / "manifest.csv", newline="") as file:
        assert {row["population"] for row in csv.DictReader(file)} == {"'=1+1"}
