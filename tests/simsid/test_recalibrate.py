from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hub
from simsid.detectors import load_model
from simsid.detectors.recalibration import recalibrate
from simsid.errors import ModelFolderError, SimsidError
from simsid.evaluation.measures import image_measures
from simsid.recalibrate import main
from simsid.scoring import BatchCheck, ScoredFilm, score_films
from synth import KINDS, AnatomyConfig, DigitAnatomy

MODEL = Path(hub.__file__).parent / "bundled" / "digitanatomy"


@pytest.fixture(scope="module")
def detector():
    return load_model(MODEL)


@pytest.fixture(scope="module")
def strangers() -> np.ndarray:
    """Normal anatomies of other hands than the model's."""
    return normals("optdigits", 140)


def normals(digits: str, count: int) -> np.ndarray:
    return DigitAnatomy(AnatomyConfig(digits=digits, seed=11)).images(
        "test", "normal", range(count)
    )


def flagged(detector, images: np.ndarray) -> float:
    films = score_films(detector, list(images))
    return float(
        np.mean(
            [
                film.state in ("unusual", "borderline") and film.score > film.threshold
                for film in films
            ]
        )
    )


def test_thresholds_of_another_hand_bring_the_false_alarms_back(detector, strangers):
    assert flagged(detector, strangers[80:]) > 0.8
    own = recalibrate(detector, strangers[:80])
    assert flagged(own, strangers[80:]) < 0.2
    assert own.calibration.num_normals == 80 and own.facts["recalibrated"]["films"] == 80
    assert detector.calibration.num_normals == 200  # the model that was given stays as it is


def test_an_archive_that_may_hold_abnormal_films_loses_its_highest_scores(detector, strangers):
    own = recalibrate(detector, strangers[:80], abnormal_share=0.1)
    assert own.calibration.num_normals == 72 and own.calibration.removed == 8
    whole = recalibrate(detector, strangers[:80])
    assert own.calibration.threshold("fused") < whole.calibration.threshold("fused")


@pytest.mark.parametrize(("count", "share"), [(19, 0.0), (21, 0.1), (60, 0.6)])
def test_too_few_normals_or_too_large_a_share_are_refused(detector, strangers, count, share):
    with pytest.raises(SimsidError, match=r"too few|share"):
        recalibrate(detector, strangers[:count], abnormal_share=share)


def test_a_batch_of_strangers_is_told_and_one_of_own_normals_is_not(detector, strangers):
    def said(images):
        check = BatchCheck(detector)
        for film in score_films(detector, list(images)):
            check.add(film)
        return check.finding()

    own = normals("strokes", 60)
    assert said(own) is None
    found = said(strangers[:60])
    assert found is not None and found.films == 60 and "p < 0.001" in found.message
    assert said(strangers[:5]) is None  # too few to speak
    anatomy = DigitAnatomy(AnatomyConfig(seed=12))
    abnormal = [anatomy.images("test", kind, range(8)) for kind in KINDS[1:]]
    mixed = np.concatenate([anatomy.images("test", "normal", range(36)), *abnormal])
    assert said(mixed) is None


def write(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:03d}.png")
    return folder


def test_the_command_writes_a_model_that_says_what_it_was_made_from(tmp_path, strangers, capsys):
    films = write(tmp_path / "films", strangers[:30])
    out = tmp_path / "ours"
    assert main(["--model", str(MODEL), "--normals", str(films), "--out", str(out)]) == 0
    assert "recalibrated on 30 films" in capsys.readouterr().out
    own = load_model(out)
    assert own.calibration.num_normals == 30
    assert "**Recalibrated** on 30 films" in (out / "README.md").read_text(encoding="utf-8")
    film = score_films(own, [strangers[40]])[0]
    assert isinstance(film, ScoredFilm) and film.num_normals == 30
    low, high = film.rate_interval
    assert low < 0.05 < high


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "one of --normals and --unlabelled"),
        (["--normals", "FILMS", "--unlabelled", "FILMS"], "one of"),
        (["--normals", "FILMS", "--false-alarm-rate", "2"], "between 0 and 1"),
        (["--normals", "FILMS", "--rate-confidence", "0.2"], "between 0.5 and 1"),
        (["--normals", "FEW"], "at least 20"),
        (["--normals", "BROKEN"], "broken.png"),
    ],
)
def test_bad_input_is_told_and_writes_nothing(tmp_path, strangers, options, message):
    folders = {
        "FILMS": write(tmp_path / "films", strangers[:20]),
        "FEW": write(tmp_path / "few", strangers[:5]),
        "BROKEN": write(tmp_path / "broken", strangers[:20]),
    }
    (folders["BROKEN"] / "broken.png").write_bytes(b"no image")
    out = tmp_path / "ours"
    typed = [str(folders.get(option, option)) for option in options]
    with pytest.raises(SimsidError, match=message):
        main(["--model", str(MODEL), "--out", str(out), *typed])
    assert not out.exists()


def test_nothing_of_the_users_is_replaced(tmp_path, strangers):
    films = write(tmp_path / "films", strangers[:20])
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "kept.txt").write_text("mine")
    with pytest.raises(SimsidError, match="exists already"):
        main(["--model", str(MODEL), "--normals", str(films), "--out", str(tmp_path / "ours")])


def test_populations_that_weights_and_calibration_tell_differently_are_refused(tmp_path):
    folder = Path(shutil.copytree(MODEL, tmp_path / "model"))
    content = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
    count = content["num_normals"]
    content["populations"] = [
        {"name": "a", "num_normals": 1},
        {"name": "b", "num_normals": count - 1},
    ]
    (folder / "calibration.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelFolderError, match="same populations"):
        load_model(folder)


@pytest.mark.parametrize("name", ["chest", "zhanglab"])
def test_each_population_of_a_chest_model_has_its_own_threshold(name):
    detector = load_model(MODEL.parent / name)
    names = {"chest": ("zhanglab", "nih"), "zhanglab": ("",)}[name]
    calibration = detector.calibration
    assert calibration.names == names
    thresholds = [calibration.threshold("fused", index) for index in range(len(names))]
    assert len(set(thresholds)) == len(names)
    noise = np.random.default_rng(0).random((40, *detector.image_size), np.float32)
    prediction = detector.predict(noise)
    expected = [calibration.p_value("fused", prediction.score[i : i + 1], prediction.population[i : i + 1])
                for i in range(40)]  # fmt: skip
    assert np.array_equal(prediction.p_value, np.concatenate(expected))
    measured = image_measures(detector, np.arange(40) % 2, prediction)
    assert list(measured["thresholds"].values()) == thresholds
