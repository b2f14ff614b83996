"""Recalibration on normals of some of a model's populations, and which films may set a threshold."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from simsid.data.terms import TERMS
from simsid.detectors import Detector, load_model, save_model
from simsid.detectors.calibration import Calibration
from simsid.detectors.findings import WARN, Finding
from simsid.detectors.population import PopulationCheck
from simsid.detectors.recalibration import ON_AVERAGE, recalibrate
from simsid.detectors.renewal import normals_needed
from simsid.detectors.usable_normals import get_a_verdict, usable_normals
from simsid.errors import SimsidError
from simsid.evaluation.recalibrated_card import recalibrated_card
from simsid.recalibrate import main
from simsid.scoring import basis, score_films
from simsid.scoring.normals import former_verdicts, may_set_a_threshold
from tests.simsid.two_populations import films_of, make_two, strangers, thoraces, write_films


@pytest.fixture(scope="module")
def two() -> Detector:
    return make_two()


@pytest.fixture(scope="module")
def sure() -> Detector:
    return make_two(confidence=0.9)


def reference(detector: Detector, index: int) -> list[float]:
    return detector.calibration.reference("fused", index).tolist()


def test_a_population_that_no_film_looks_like_keeps_its_normals_and_its_threshold(two):
    own = recalibrate(two, films_of("wide", 40, 70), same_populations=True)
    before, now = two.calibration, own.calibration
    assert now.names == ("narrow", "wide")
    for name in two.score_names:
        assert np.array_equal(now.reference(name, 0), before.reference(name, 0))
        assert now.threshold(name, 0) == before.threshold(name, 0)
    assert np.array_equal(now.looks_of(0), before.looks_of(0))
    assert (now.num_normals_of(0), now.num_normals_of(1)) == (60, 40)
    scored = [film.score for film in score_films(two, list(films_of("wide", 40, 70)))]
    assert reference(own, 1) == pytest.approx(sorted(scored), rel=1e-4)
    assert now.map_quantiles == before.map_quantiles
    facts = own.facts["recalibrated"]
    assert (facts["renewed"], facts["kept"]) == ({"wide": 40}, {"narrow": 60})


def test_card_and_words_of_a_partly_renewed_model_tell_the_populations_apart(two):
    films = np.concatenate([films_of("wide", 40, 70), films_of("narrow", 10, 72)])
    own = recalibrate(two, films, same_populations=True)
    card = " ".join(recalibrated_card("# a model\n", own).split())
    assert "**Recalibrated** on 40 films of the model's own populations, wide (fingerprint" in card
    assert (
        "Verdicts and p-values of wide stand on these films, those of narrow on its former 60 "
        "normals (10 more films look like it, too few to set a threshold); the measured" in card
    )
    assert "on 50 films" not in card
    narrow, wide = score_films(own, [films_of("narrow", 1, 90)[0], films_of("wide", 1, 91)[0]])
    assert (narrow.population, wide.population) == ("narrow", "wide")
    assert "60 normal films that look most like narrow and that training never saw" in basis(narrow)
    assert "40 normal films that look most like wide and that set its threshold" in basis(wide)
    again = recalibrate(own, films_of("narrow", 20, 92), same_populations=True)  # wide's were given
    assert again.facts["recalibrated"]["kept"] == {"wide": 40}
    assert all(film.recalibrated for film in score_films(again, [*films_of("wide", 1, 91)]))


def test_what_the_threshold_of_a_kept_population_found_is_still_told(two, tmp_path, registered):
    at = two.calibration.threshold
    card = (
        "# a model\n\nOn 40 normal and 30 abnormal images of thoraces (data 0123, commit none). "
        "Measured on the test part, read once.\n\n"
        "| sensitivity at the threshold | 0.600 |\n"
        "| sensitivity at the threshold, narrow (n = 20) | 0.750 |\n"
        "| sensitivity at the threshold, wide (n = 10) | 0.300 |\n"
        "| specificity at the threshold | 0.950 |\n\n"
        f"## Threshold\n\n{at('fused', 0):.3f} (narrow), {at('fused', 1):.3f} (wide), from 120 "
        "normals kept out of training.\n"
    )
    save_model(two, tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text(card, encoding="utf-8")
    model = load_model(tmp_path / "model")
    films = write_films(tmp_path / "films", films_of("wide", 40, 70))
    assert main(["--model", str(tmp_path / "model"), "--normals", str(films), "--same-populations",
                 "--out", str(tmp_path / "own")]) == 0  # fmt: skip
    shown = [films_of("narrow", 1, 90)[0], films_of("wide", 1, 91)[0]]
    told = (tmp_path / "own" / "README.md").read_text(encoding="utf-8")
    assert "| sensitivity at the threshold, narrow (n = 20) | 0.750 |" in told
    assert "| sensitivity at the former threshold, wide (n = 10) | 0.300 |" in told
    assert "| sensitivity at the former threshold | 0.600 |" in told
    in_memory = recalibrate(model, films_of("wide", 40, 70), same_populations=True)
    for own in (load_model(tmp_path / "own"), in_memory):
        narrow, wide = score_films(own, shown)
        assert (narrow.population, narrow.found.share, narrow.found.abnormals) == (
            "narrow",
            0.75,
            20,
        )
        assert wide.population == "wide" and wide.found is None
    last = recalibrate(
        load_model(tmp_path / "own"), films_of("narrow", 40, 92), same_populations=True
    )
    assert [film.found for film in score_films(last, shown)] == [None, None]
    assert "at the threshold" not in recalibrated_card(told, last).replace("for a false", "")


def test_few_films_of_a_population_do_not_set_its_threshold(two):
    films = np.concatenate([films_of("wide", 30, 71), films_of("narrow", 19, 72)])
    own = recalibrate(two, films, same_populations=True)
    assert reference(own, 0) == reference(two, 0)
    assert own.facts["recalibrated"]["too_few"] == {"narrow": 19}
    assert own.calibration.num_normals_of(1) == 30
    both = recalibrate(
        two, np.concatenate([films, films_of("narrow", 1, 73)]), same_populations=True
    )
    assert (both.calibration.num_normals_of(0), both.facts["recalibrated"]["kept"]) == (20, {})
    few = np.concatenate([films_of("wide", 12, 71), films_of("narrow", 12, 72)])
    with pytest.raises(
        SimsidError, match=r"12 of the films look like 'narrow'.* at least 20 of one"
    ):
        recalibrate(two, few, same_populations=True)


def test_a_kept_population_holds_its_confidence_and_sets_how_many_renew_one(sure):
    assert sure.calibration.confidence == 0.9 and normals_needed(0.05, 0.9) == 45
    films = np.concatenate([films_of("wide", 45, 74), films_of("narrow", 44, 75)])
    own = recalibrate(sure, films, same_populations=True)
    assert own.calibration.confidence == 0.9
    assert own.calibration.threshold("fused", 0) == sure.calibration.threshold("fused", 0)
    assert own.calibration.threshold("fused", 1) == own.calibration.ranked("fused", 1)[-1]
    average = recalibrate(sure, films, confidence=ON_AVERAGE, same_populations=True)
    assert average.calibration.confidence is None
    assert average.facts["recalibrated"]["renewed"] == {"narrow": 44, "wide": 45}


def test_too_few_films_for_an_inherited_confidence_are_told_the_way_out(sure):
    films = np.concatenate([films_of("wide", 25, 74), films_of("narrow", 10, 75)])
    with pytest.raises(
        SimsidError,
        match=r"at least 45 of one population are needed for a rate that holds with a confidence of "
        r"90 %; 20 are enough for one that holds on average \(--rate-confidence 0\)\. Add films",
    ):
        recalibrate(sure, films, same_populations=True)
    own = recalibrate(sure, films, confidence=ON_AVERAGE, same_populations=True)
    assert own.facts["recalibrated"]["renewed"] == {"wide": 25}
    with pytest.raises(SimsidError, match=r"confidence of 90 %\. Add films") as told:
        recalibrate(sure, films[10:], same_populations=True)  # 15 and 10: not enough on average
    assert "--rate-confidence" not in str(told.value)


def test_confidence_is_inherited_where_normals_are_enough(sure, two):
    enough = recalibrate(sure, films_of("wide", 45, 76))
    assert enough.calibration.confidence == 0.9
    assert recalibrate(sure, films_of("wide", 44, 76)).calibration.confidence is None
    assert (
        recalibrate(sure, films_of("wide", 45, 76), confidence=ON_AVERAGE).calibration.confidence
        is None
    )
    assert recalibrate(two, films_of("wide", 45, 76)).calibration.confidence is None
    held = enough.calibration.held_with()
    assert held == pytest.approx(1 - 0.95**45) and held >= 0.9  # no normal lies above
    few = recalibrate(sure, films_of("wide", 44, 76)).calibration
    assert few.held_with() == pytest.approx(stats.beta(2, 43).cdf(0.05)) and few.held_with() < 0.9


@pytest.mark.parametrize("confidence", [None, 0.51, 0.9])
@pytest.mark.parametrize("rate", [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.5])
def test_the_normals_needed_are_the_fewest_that_set_a_threshold(rate, confidence):
    def finite(count: int) -> bool:
        own = Calibration({"fused": np.arange(count)}, rate, confidence=confidence)
        return bool(np.isfinite(own.threshold("fused")))

    needed = normals_needed(rate, confidence)
    assert finite(needed) and (needed == 20 or not finite(needed - 1))


def test_a_rate_that_films_cannot_support_replaces_no_threshold(two):
    """49 normals are the least for 2 %: 40 new ones renew nothing, 60 former ones hold it."""
    wide = films_of("wide", 40, 70)
    with pytest.raises(SimsidError, match=r"40 of the films look like 'wide': at least 49 of one"):
        recalibrate(two, wide, 0.02, same_populations=True)
    films = np.concatenate([wide, films_of("narrow", 49, 72)])
    own = recalibrate(two, films, 0.02, same_populations=True)
    assert own.facts["recalibrated"]["renewed"] == {"narrow": 49}
    assert reference(own, 1) == reference(two, 1)
    assert (
        own.calibration.threshold("fused", 1) == two.calibration.ranked("fused", 1)[-1]
    )  # rank 1 of 60
    with pytest.raises(SimsidError, match=r"40 normals cannot hold a rate of 2 %, 49 can: add"):
        recalibrate(two, wide, 0.02)


def test_a_kept_population_loses_no_threshold_by_a_rate_that_it_cannot_hold(two):
    films = np.concatenate([films_of("wide", 99, 70), films_of("narrow", 5, 72)])
    with pytest.raises(
        SimsidError, match=r"60 normals of 'narrow' cannot hold a rate of 1 %, 99 can: .*or ask for"
    ):
        recalibrate(two, films, 0.01, same_populations=True)


@pytest.fixture
def described(monkeypatch):
    """The kit describes the data set 'narrow', so that sentences name it in words."""
    terms = dataclasses.replace(TERMS["zhanglab"], subject="films that are narrow")
    monkeypatch.setitem(TERMS, "narrow", terms)


def test_a_population_that_had_no_threshold_stays_without_and_is_told(
    registered, described, tmp_path, capsys
):
    few = make_two(calibration=15)
    assert few.calibration.threshold("fused", 0) == np.inf
    save_model(few, tmp_path / "model")
    films = films_of("wide", 30, 70)
    assert main(command(tmp_path / "model", tmp_path, films, "--same-populations")) == 0
    told = capsys.readouterr().out
    assert (
        "no threshold for narrow (films that are narrow): its 15 normals are too few for a "
        "false-alarm rate of 5 %" in told
    )
    assert "of normals of wide, with" in told and "of normals of narrow" not in told


def test_a_film_of_another_population_sets_no_threshold_of_those_that_are_kept(two):
    films = np.concatenate([films_of("wide", 30, 77), strangers(10, 78)])
    passed = sum(not film.doubtful for film in score_films(two, list(films)))
    own = recalibrate(two, films, same_populations=True)
    assert 28 <= passed <= 31 and own.calibration.num_normals_of(1) == passed
    (reason,) = own.facts["recalibrated"]["left_out"]
    assert "another population" in reason
    assert own.facts["recalibrated"]["left_out"][reason] == 40 - passed
    new = recalibrate(two, strangers(30, 79))  # there it is what is wanted
    assert new.calibration.num_normals == 30 and new.facts["recalibrated"]["left_out"] == {}


def test_a_doubted_film_sets_no_threshold_since_it_never_gets_a_verdict(two, monkeypatch):
    doubt = Finding("not_like_training", WARN, "it looks odd")
    monkeypatch.setattr(
        two.placement,
        "findings",
        lambda batch: [[doubt] if film.mean() > 0.9 else [] for film in batch],
    )
    bright = np.full((5, 96, 96), 250, np.uint8)
    images = two.as_batch(np.concatenate([films_of("wide", 25, 80), bright]))
    usable = usable_normals(two, images)
    assert usable.kept.tolist() == [True] * 25 + [False] * 5
    assert usable.left_out == {"out of place (not_like_training): it looks odd": 5}
    films, chosen = np.concatenate([films_of("wide", 25, 80), bright]), {"blurred": 3}
    own = recalibrate(two, films)
    assert own.calibration.num_normals == 25
    assert own.facts["recalibrated"]["left_out"] == usable.left_out
    own = recalibrate(two, films, left_out=chosen)  # somebody has looked at them already
    assert own.calibration.num_normals == 30
    assert own.facts["recalibrated"]["left_out"] == chosen
    assert may_set_a_threshold(two, []) == ([], {})
    held, reasons = may_set_a_threshold(two, list(films))
    assert len(held) == 25 and reasons == usable.left_out


def test_only_a_model_of_frontal_films_calls_a_film_lateral():
    leaning = torch.linspace(0, 1, 96).expand(80, 1, 96, 96).clone()
    leaning = (leaning + 0.02 * torch.randn(leaning.shape, generator=torch.manual_seed(0))).clamp(
        0, 1
    )
    check = PopulationCheck()
    check.fit(leaning, torch.zeros(80, dtype=torch.long))
    lying = leaning[:5].transpose(2, 3) ** 3
    lying = lying * leaning[:5]
    assert {found[0].code for found in check.findings(lying)} == {"another_population"}
    assert not any("lateral" in found[0].message for found in check.findings(lying))
    frontal = PopulationCheck()
    frontal.fit(thoraces(80, 0.35, 0), torch.zeros(80, dtype=torch.long))
    assert {found[0].code for found in frontal.findings(leaning[:5])} == {"not_frontal"}


def command(model: Path, folder: Path, films: np.ndarray, *more: str) -> list[str]:
    normals = write_films(folder / "films", films)
    return ["--model", str(model), "--normals", str(normals), "--out", str(folder / "ours"), *more]


def test_the_command_says_what_was_renewed_kept_and_left_out(
    sure, registered, described, tmp_path, capsys
):
    save_model(sure, tmp_path / "model")
    films = np.concatenate([films_of("wide", 50, 81), films_of("narrow", 3, 82), strangers(4, 83)])
    assert main(command(tmp_path / "model", tmp_path, films, "--same-populations")) == 0
    told = capsys.readouterr().out
    own = load_model(tmp_path / "ours")
    renewed = own.facts["recalibrated"]["renewed"]["wide"]
    narrow = "narrow (films that are narrow)"
    whose = re.escape(f"normals of {narrow}")
    assert re.search(whose + r", with 90 % confidence between 0\.\d % and \d\.\d %", told)
    assert f"renewed: wide, on {renewed} of these films" in told and 46 <= renewed <= 50
    assert (
        f"kept: {narrow}, on its former 60 normals (3 of these films look like it, too few to set its "
        "threshold: 45 are enough)" in told
    )
    assert "films, of another population than the model's own" in told
    assert "the rate holds with a confidence of 90 %, as the model's did" in told
    assert "of normals of wide, with" in told
    assert own.calibration.threshold("fused", 0) == sure.calibration.threshold("fused", 0)
    told = own.facts["recalibrated"]["left_out"]
    assert told and all("another population" in reason for reason in told)
    assert sum(told.values()) == 57 - own.facts["recalibrated"]["films"]
    card = recalibrated_card("# a model\n", own)
    assert f"60 of them are the former ones of {narrow}" in card
    assert "of the model's own populations, wide (fingerprint" in card
    assert f"those of {narrow} on its former 60 normals" in card


def test_the_command_says_where_the_new_rate_is_less_sure(sure, registered, tmp_path, capsys):
    save_model(sure, tmp_path / "model")
    assert main(command(tmp_path / "model", tmp_path, films_of("wide", 30, 84))) == 0
    told = capsys.readouterr().out
    assert "the model's rate held with a confidence of 90 %, the new one holds on average" in told
    assert (
        f"with a confidence of {100 * (1 - 0.95**30):.0f} %. 45 normals" in told
    )  # one may lie above


def test_an_archive_is_promised_no_confidence_that_hangs_on_what_was_left_out(
    sure, registered, tmp_path, capsys
):
    own = Calibration({"fused": np.arange(95)}, 0.05, confidence=0.9, removed=5)
    assert round(own.held_with_at_most(), 2) == 0.95
    draws = np.sort(np.random.default_rng(0).random((20_000, 100)), 1)[:, -7]  # all 100 are normals
    assert own.held_with() == pytest.approx((1 - draws <= 0.05).mean(), abs=0.01)
    assert round(own.held_with(), 2) == 0.23
    save_model(sure, tmp_path / "model")
    folder = write_films(tmp_path / "films", films_of("wide", 50, 87))
    given = ["--model", str(tmp_path / "model"), "--unlabelled", str(folder)]
    assert main([*given, "--out", str(tmp_path / "ours")]) == 0
    told = capsys.readouterr().out
    calibration = load_model(tmp_path / "ours").calibration
    assert (calibration.num_normals, calibration.removed, calibration.confidence) == (45, 5, 0.9)
    worst = 1 - stats.binom(50, 0.05).cdf(5)  # six and more of 50 normals lie above the rate
    assert calibration.held_with() == pytest.approx(worst) and worst < 0.05
    assert "the rate holds with" not in told
    assert (
        "the model's rate held with a confidence of 90 %; the new one holds with a confidence of 90 % "
        f"if the 5 highest scores were all of abnormal films, and of {100 * worst:.0f} % if none was"
        in told
    )


def test_normals_without_a_verdict_are_not_among_those_that_a_rate_is_told_of(two):
    images = [
        *films_of("wide", 20, 85).astype(np.float32) / 255,
        *strangers(8, 86) / np.float32(255),
    ]
    told = former_verdicts(two, images)
    undecided = sum(film.doubtful for film in score_films(two, images))
    assert told.films == 28 and told.no_verdict == undecided >= 7
    share = f"{told.called} of {28 - undecided} ("
    assert told.in_words().startswith(share)
    assert told.in_words().endswith(f"; {undecided} more had no verdict")


def test_films_of_a_population_that_no_given_normal_looks_like_get_no_verdict(
    two, registered, tmp_path, capsys
):
    own = recalibrate(two, films_of("wide", 40, 70))
    assert own.facts["recalibrated"]["uncovered"] == {"narrow": 0}
    narrow = score_films(own, list(films_of("narrow", 12, 71)))
    assert {film.state for film in narrow} == {"another population: no verdict"}
    assert all(
        film.p_value is None and "no normals of" in film.findings[0].message for film in narrow
    )
    decided = get_a_verdict(own, own.as_batch(films_of("narrow", 12, 71)))
    assert not decided.any()  # reports count as scoring judges
    wide = score_films(own, list(films_of("wide", 12, 73)))
    assert sum(film.p_value is not None for film in wide) >= 10
    again = score_films(two, list(films_of("narrow", 12, 71)))  # the model itself judges them
    assert sum(film.p_value is not None for film in again) >= 10
    save_model(own, tmp_path / "own")
    kept = score_films(load_model(tmp_path / "own"), list(films_of("narrow", 3, 71)))
    assert {film.state for film in kept} == {"another population: no verdict"}
    save_model(two, tmp_path / "two")
    write_films(tmp_path / "films", films_of("wide", 40, 70))
    places = {"--model": "two", "--normals": "films", "--out": "new"}
    assert main([text for key, name in places.items() for text in (key, str(tmp_path / name))]) == 0
    assert (
        "Most films of narrow get no verdict now: hardly any of these films look like them. Those of them "
        "that look like these films are judged by these. --same-populations keeps its own normals\n"
    ) in capsys.readouterr().out


def test_both_populations_are_judged_by_normals_that_look_like_both(two):
    both = np.concatenate([films_of("wide", 40, 70), films_of("narrow", 10, 72)])
    assert recalibrate(two, both).facts["recalibrated"]["uncovered"] == {}
    many = films_of("wide", 110, 75)  # enough for a look of their own
    assert recalibrate(two, many).facts["recalibrated"]["uncovered"] == {}
