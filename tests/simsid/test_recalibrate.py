from __future__ import annotations

import gc
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hub
from simsid.detectors import load_model
from simsid.detectors.calibration import Calibration
from simsid.detectors.findings import ANOTHER, Finding
from simsid.detectors.recalibrated import normals_of_own
from simsid.detectors.recalibration import recalibrate
from simsid.errors import ModelFolderError, SimsidError
from simsid.evaluation.measures import image_measures
from simsid.evaluation.recalibrated_card import recalibrated_card
from simsid.recalibrate import main
from simsid.scoring import BatchCheck, ScoredFilm, basis, score_films
from simsid.scoring import normals as scoring_normals
from simsid.scoring.film import prepare_image
from simsid.scoring.normals import Normals, too_few_told
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


def test_words_and_card_tell_p_as_if_all_left_out_were_abnormal_and_as_if_none_was(
    detector, strangers
):
    own = recalibrate(detector, strangers[:80], abnormal_share=0.1)
    score = own.calibration.scores["fused"][-1:]
    p_value = own.calibration.p_value("fused", score + 1e-6 * own.calibration.spread("fused"))[0]
    film = replace(
        score_films(own, list(strangers[80:81]))[0], score=float(score[0]), p_value=float(p_value)
    )
    assert film.removed == 8 and film.num_normals == 72
    assert film.p_value_at_most == (1 + 1 + 8) / 81  # one of the kept scores as high
    told = basis(replace(film, p_value=2 / 73, percentile=100 * 71 / 72))
    assert (
        "98.6 % of 72 films of an archive without labels, whose 8 highest scores were left" in told
    )
    assert (
        "(p = 0.027 if those were all abnormal, 0.123 if none was; smallest possible 0.014" in told
    )
    assert "and 0.111)" in told and "from 'all that were left out were abnormal' to" in told
    card = recalibrated_card("# A model", own)
    assert "from 72 films without labels that it was given" in card
    assert "a film above all others has p = 0.014 then, and 0.111 if none was" in card
    plain = score_films(recalibrate(detector, strangers[:80]), list(strangers[80:82]))
    assert all(each.p_value_at_most == pytest.approx(each.p_value) for each in plain)
    assert "archive" not in basis(plain[0]) and "80 normal films" in basis(plain[0])


def test_normals_left_out_as_abnormal_make_p_values_too_small_and_at_most_holds(
    detector, strangers
):
    """All of the archive is normal: at 5 %, (3 + 8) / 81 of the next normals fall below p = 0.05."""
    rng = np.random.default_rng(3)
    told, at_most = [], []
    any_film = score_films(detector, list(strangers[:1]))[0]
    for _ in range(400):
        archive, scores = np.sort(rng.normal(size=80)), rng.normal(size=20)
        kept = Calibration({"fused": archive[:72]}, removed=8)
        p_values = kept.p_value("fused", scores)
        told += (p_values <= 0.05).tolist()
        film = replace(any_film, num_normals=72, removed=8)
        at_most += [replace(film, p_value=each).p_value_at_most <= 0.2 for each in p_values]
    assert np.mean(told) == pytest.approx(11 / 81, abs=0.015)
    assert 0.15 < np.mean(at_most) <= 0.2 + 0.015


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
    assert found.message.startswith("these 60 films with a score are not exchangeable")
    assert "If most of them are abnormal" in found.message
    assert "else recalibrate" in found.message and "python -m simsid.recalibrate" in found.message
    check = BatchCheck(recalibrate(detector, own))
    for film in score_films(detector, list(strangers[:60])):
        check.add(film)
    again = check.finding()
    assert again is not None and "differ from the 60 normals too" in again.message
    assert "simsid.recalibrate" not in again.message
    anatomy = DigitAnatomy(AnatomyConfig(seed=12))
    abnormal = [anatomy.images("test", kind, range(8)) for kind in KINDS[1:]]
    mixed = np.concatenate([anatomy.images("test", "normal", range(36)), *abnormal])
    assert said(mixed) is None


def test_a_batch_says_which_films_were_tested_where_a_population_has_too_few():
    detector = load_model(MODEL.parent / "chest")
    many, few = detector.calibration.names[:2]
    check = BatchCheck(detector)
    for count, population in ((16, many), (4, few)):
        for _ in range(count):
            check.add_row(population, 99.0)
    found = check.finding()
    assert found is not None and found.films == 16
    assert found.message.startswith(
        f"16 of the 20 films with a score, those beside the normals of {many}"
    )
    assert few not in found.message and "fewer than 10 films" in found.message


def test_who_was_recalibrated_says_so_and_asks_for_a_look_at_the_film(detector, strangers):
    own = recalibrate(detector, strangers[:30])
    assert (normals_of_own(detector), normals_of_own(own)) == (0, 30)
    assert normals_of_own(load_model(MODEL.parent / "chest")) == 0  # more of its own populations
    film = score_films(own, [strangers[40]])[0]
    assert isinstance(film, ScoredFilm) and film.own_normals == 30
    odd = replace(film, findings=(Finding("another_population", ANOTHER, "it differs"),))
    assert "differs from the 30 normals too" in basis(odd) and "Look at the film" in basis(odd)
    assert "ecalibrate the model" not in basis(odd)
    assert "recalibrate the model on normal films" in basis(replace(odd, own_normals=0))


@pytest.mark.slow
def test_no_film_is_kept_while_former_verdicts_are_counted(detector, strangers, monkeypatch):
    alive: list[int] = []
    judge = scoring_normals.score_batch

    def counted(*arguments, **named):
        gc.collect()
        alive.append(sum(type(each) is ScoredFilm for each in gc.get_objects()))
        return judge(*arguments, **named)

    images = [prepare_image(detector, image) for image in strangers[:12]]
    whole = scoring_normals.former_verdicts(detector, images)
    monkeypatch.setattr(scoring_normals, "_BATCH", 2)
    monkeypatch.setattr(scoring_normals, "score_batch", counted)
    assert scoring_normals.former_verdicts(detector, images) == whole
    assert whole.films == 12 and len(alive) == 6 and max(alive) <= alive[0] + 2


def write(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:03d}.png")
    return folder


def test_the_command_writes_a_model_that_says_what_it_was_made_from(tmp_path, strangers, capsys):
    films = write(tmp_path / "films", strangers[:30])
    out = tmp_path / "ours"
    assert main(["--model", str(MODEL), "--normals", str(films), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "recalibrated on 30 films" in told
    own, before = load_model(out), load_model(MODEL)
    now = own.calibration.threshold("fused")
    was = before.calibration.threshold("fused")
    assert f"threshold: {was:.2f} before, {now:.2f} now" in told
    called = round(30 * flagged(before, strangers[:30]))
    assert f"these normals above the threshold before: {called} of 30 (" in told
    card = (out / "README.md").read_text(encoding="utf-8")
    section = card.partition("## Threshold\n\n")[2].partition("\n\n")[0]
    assert section.startswith(f"{now:.3f}, from 30 normals that it was given, for a false-alarm")
    assert f"{was:.3f}" not in card and card.count("## Threshold") == 1
    assert own.found == () and "sensitivity at the former threshold" in card
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
        (
            ["--normals", "FILMS", "--false-alarm-rate", "2"],
            "between 0 and 1, not 2.0: 0.05 is 5 %",
        ),
        (["--normals", "FILMS", "--rate-confidence", "0.2"], "between 0.5 and 1"),
        (["--normals", "FILMS", "--abnormal-share", "0.2"], "belongs to --unlabelled"),
        (["--normals", "FEW"], "at least 20"),
        (["--normals", "NOWHERE"], "NOWHERE does not exist; check the path"),
        (["--normals", "EMPTY"], "holds no image; it reads PNG"),
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
    folders["EMPTY"] = write(tmp_path / "empty", strangers[:0])
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


def test_a_card_that_was_recalibrated_twice_tells_of_the_last_time_alone(detector, strangers):
    chest = (MODEL.parent / "chest" / "README.md").read_text(encoding="utf-8")
    once = recalibrated_card(chest, recalibrate(detector, strangers[:30]))
    twice = recalibrated_card(once, recalibrate(detector, strangers[:40], abnormal_share=0.1))
    former = chest.partition("## Threshold\n\n")[2].partition(", from ")[0]
    values = re.findall(r"\d\.\d{3}", former)
    assert len(values) == 2 and not any(value in once for value in values)
    assert "284 normals" in chest and "284 normals" not in once
    assert "Recalibrated** on 30 films that it was given" in once
    assert "on 30 films" not in twice and "Recalibrated** on 40 films" in twice
    assert twice.count("> **") == 1 and "from 36 films without labels that it was given" in twice
    assert "The 4 highest scores were left out" in twice
    found = re.findall(r"^\| sensitivity at the threshold, .*$", chest, re.MULTILINE)
    assert len(found) == 2
    assert all(row.replace("the threshold", "the former threshold") in twice for row in found)
    assert "at the threshold" not in twice and "calibrated threshold" not in twice
    for section in ("## Measured", "## What it sees", "## Use", "## Limits"):
        assert section in twice


def test_films_that_the_model_refuses_are_told_with_the_reason(tmp_path, strangers):
    """Digits, and a model of chests."""
    films = write(tmp_path / "films", strangers[:5])
    with pytest.raises(
        SimsidError, match=r"films: 5 images, all left out: [1-5] (is|are) out of place .*: it \w+"
    ) as told:
        main(["--model", "bundled:chest", "--normals", str(films), "--out", str(tmp_path / "o")])
    assert "\n" not in str(told.value)


def test_too_few_normals_are_told_with_every_reason_and_its_count(strangers):
    reasons = {"out of place (noise): a digit": 3, "of another population": 1}
    every = "3 are out of place (noise): a digit; 1 is of another population"
    some = Normals([strangers[0]], (), reasons)
    said = "F holds 1 film to set a threshold of this model, at least 20 are needed"
    more = ". Give more normal films"
    assert too_few_told("F", some, 20) == f"{said}; left out: {every}{more}"
    none = too_few_told("F", Normals([], (), reasons), 20)
    assert none == (
        f"F: 4 images, all left out: {every}. Give at least 20 other normal films, or take the model "
        "that these belong to"
    )
    assert too_few_told("F", Normals([strangers[0]], ()), 20) == said + more


def test_too_few_normals_for_a_confidence_are_refused_with_the_number_needed(detector, strangers):
    with pytest.raises(SimsidError, match=r"40 normals cannot hold a rate of 5 % .*90 %, 45 can"):
        recalibrate(detector, strangers[:40], 0.05, confidence=0.9)
    more = np.concatenate([strangers, strangers])[:45]
    held = recalibrate(detector, more, 0.05, confidence=0.9).calibration
    assert held.threshold("fused") == held.reference("fused")[-1] + held.tie("fused")
