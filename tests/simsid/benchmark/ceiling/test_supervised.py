"""The ceiling: labels train it, no patient stands on both sides, and it is no detector."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsid.benchmark.__main__ import main
from simsid.benchmark.ceiling import kept
from simsid.benchmark.ceiling.learn import learn, steps_for
from simsid.benchmark.ceiling.measure import TITLE, ceiling_section, measure_ceiling
from simsid.cli import run_command
from simsid.data import labelled_training
from simsid.data.choice import DataChoice
from simsid.data.film_set import FilmOptions
from simsid.data.labelled_training import training_abnormals
from simsid.data.sets.digitanatomy import draw_abnormals
from simsid.detectors import detector_names
from simsid.errors import DataError
from simsid.train import main as train
from synth import AnatomyConfig, DigitAnatomy
from tests.simsid.training.tiny import blobs

PATIENTS = 60
SMALL = FilmOptions(image_size=(32, 32))


def marked(count: int, seed: int) -> np.ndarray:
    """Blobs with a bright bar somewhere: abnormal."""
    images = blobs(count, seed)
    rng = np.random.default_rng(seed)
    for image in images:
        row = rng.integers(4, 24)
        image[row : row + 5, 2:30] = 255
    return images


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of patients with two films each; a film's grey is its patient's number."""
    root, rows = tmp_path_factory.mktemp("films"), ["file,label,patient"]
    for patient in range(PATIENTS):
        label = "abnormal" if patient % 3 == 0 else "normal"
        for film in range(2):
            name = f"{patient}-{film}.png"
            pixels = np.full((32, 32), 4 * patient, np.uint8)
            pixels[film] = 255  # no two files are one film
            Image.fromarray(pixels).save(root / name)
            rows.append(f"{name},{label},p{patient}")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root


def patients_in(images: np.ndarray) -> set[int]:
    return {int(image[16, 16]) // 4 for image in images}


def test_labels_are_learned_and_the_same_seed_gives_the_same_scores() -> None:
    images = np.concatenate([blobs(20, 5), marked(20, 6)])
    scores = learn(blobs(60), marked(40, 1), 3, True, 15).score(images)
    assert (scores[20:, None] > scores[:20]).mean() > 0.9
    first, again, other = (
        learn(blobs(20), marked(20, 1), seed, True, 1).score(images[:4]) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_minute_is_more_steps_of_smaller_images() -> None:
    assert [steps_for((side, side)) for side in (192, 96, 16, 512)] == [60, 240, 600, 60]


def test_no_patient_stands_on_both_sides(films: Path) -> None:
    choice = DataChoice("folder", str(films), films=SMALL)
    data = choice.load()
    abnormals, words = training_abnormals(choice, data)
    assert data.validation is not None
    measured = patients_in(data.validation.images)
    trained = patients_in(abnormals) | patients_in(data.train)
    assert len(patients_in(abnormals)) >= 5 and not measured & trained
    assert all(patient % 3 == 0 for patient in patients_in(abnormals))
    assert "patients" in words


def test_a_split_that_mixes_patients_is_refused(films: Path, monkeypatch) -> None:
    choice = DataChoice("folder", str(films), films=SMALL)
    data, choose = choice.load(), labelled_training.choose_films

    def mixed(*arguments):
        split, facts = choose(*arguments)
        pool = next(film for film in split.films if film.part == "pool")
        other = dataclasses.replace(pool, part="validation")
        return dataclasses.replace(split, films=[*split.films, other]), facts

    monkeypatch.setattr(labelled_training, "choose_films", mixed)
    with pytest.raises(DataError, match="one patient stands in"):
        training_abnormals(choice, data)


def test_digits_have_anomalies_of_their_own_for_it() -> None:
    config = AnatomyConfig(2, 2, "1234", 16)
    drawn = draw_abnormals(config, 3)
    kinds = DigitAnatomy(config).kinds[1:]
    assert drawn.shape == (3 * len(kinds), 32, 32)
    for part in ("val", "test"):
        other = np.concatenate([DigitAnatomy(config).images(part, k, range(3)) for k in kinds])
        assert not any((drawn == image).all((1, 2)).any() for image in other)


def test_a_set_without_abnormal_training_films_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for folder, count in (("train/normal", 14), ("test/normal", 3), ("test/nodule", 3)):
        (tmp_path / folder).mkdir(parents=True)
        for number, image in enumerate(blobs(count, len(folder))):
            Image.fromarray(image).save(tmp_path / folder / f"{number}.png")
    given = ["--dataset", "folder", "--data-root", str(tmp_path), "--out", str(tmp_path / "out")]
    assert run_command(lambda: main(["supervised", *given])) == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("error: 'folder' has 0 abnormal films on its training side")
    assert "\n" not in told and not (tmp_path / "out").exists()


def test_the_command_writes_a_table_and_no_model(films: Path, tmp_path: Path, capsys) -> None:
    given = ["--dataset", "folder", "--data-root", str(films), "--image-size", "32"]
    out = tmp_path / "out"
    assert main(["supervised", *given, "--seeds", "2", "--steps", "2", "--out", str(out)]) == 0
    assert {file.name for file in out.iterdir()} == {"supervised.json", "supervised.md"}
    (row,) = json.loads((out / "supervised.json").read_text())["rows"]
    assert row["abnormals"] >= 10 and len(row["auroc"]["by_seed"]) == 2 and row["steps"] == 2
    page = (out / "supervised.md").read_text()
    assert f"## {TITLE}" in page and "FOLDER_ROOT" in page and str(tmp_path) not in page
    assert "trained with labels" in capsys.readouterr().out


def test_it_is_no_detector(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert not [name for name in detector_names() if "superv" in name or "ceiling" in name]
    arguments = ["--model", "supervised", "--run", str(tmp_path / "run")]
    assert run_command(lambda: train(arguments)) == 2
    assert "supervised" in capsys.readouterr().err


def test_a_ceiling_is_kept_beside_the_rows_of_its_data_alone(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = DataChoice("folder", str(films), films=SMALL)
    data, said = choice.load(), []
    labelled = data.validation
    assert labelled is not None
    found = measure_ceiling(choice, data, "validation", labelled, 1, said.append, steps=1)
    assert any("patients who are in no labelled part" in line for line in said)
    (tmp_path / kept.FOLDER).mkdir()
    kept.write_json(tmp_path / kept.FOLDER / "folder.json", found)
    kept.keep_ceiling(
        tmp_path, "folder", choice, data, "validation", labelled, 1, pytest.fail
    )  # there is one
    assert kept.read_ceilings(tmp_path, {"folder": data.fingerprint}) == (found,)
    assert kept.read_ceilings(tmp_path, {"folder": "of other films"}) == ()
    asked = []

    def measured(choice, data, part, labelled, seeds, say):
        asked.append(seeds)
        both = replace(found.auroc, by_seed=found.auroc.by_seed * seeds)
        return replace(found, auroc=both)

    monkeypatch.setattr(kept, "measure_ceiling", measured)
    for seeds in (2, 2, 1):  # of other seeds it is measured anew
        kept.keep_ceiling(
            tmp_path, "folder", choice, data, "validation", labelled, seeds, pytest.fail
        )
        (told,) = kept.read_ceilings(tmp_path, {"folder": data.fingerprint})
        assert told.dataset == "folder"
        assert len(told.auroc.by_seed) == seeds
    assert asked == [2, 1]
    section = ceiling_section([found])
    assert section.title == TITLE and "not ranked" in str(section.blocks[0])
