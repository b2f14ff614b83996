"""What the bundled chest model says of phantoms: the page tells it beside each, and what they are."""

import pytest

import hub
from demo.digits import examples as digits
from demo.inference import Inference
from demo.phantoms import BELOW, DRAWINGS, NOTE, heading, lines, outcome, phantoms
from simsid.detectors.findings import REFUSE
from simsid.scoring import (
    ANOTHER_POPULATION,
    BORDERLINE,
    NOTHING_UNUSUAL,
    UNUSUAL,
    ScoredFilm,
    score_film,
)
from synth.phantoms import KINDS


def test_the_checks_take_phantoms_for_films_so_the_note_says_what_they_are():
    detector = hub.load("bundled:chest")
    drawn = phantoms()
    assert {drawing.kind for drawing in DRAWINGS.values()} == set(KINDS)
    assert not set(drawn) & set(digits())
    found = {name: score_film(detector, image) for name, image in drawn.items()}
    for film in found.values():
        assert isinstance(film, ScoredFilm)  # in place, though no patient was there
        assert not any(finding.severity == REFUSE for finding in film.findings)
    scores = {name: film.score for name, film in found.items()}
    assert scores["plain"] == min(scores.values())
    assert "no patient was there" in NOTE and "says nothing of films" in NOTE


def test_each_line_says_what_the_phantom_shows_and_what_the_model_says_of_it():
    inference = Inference()
    try:
        told, models = lines(inference, phantoms())
    finally:
        inference.close()
    assert told == {
        "plain": "Nothing abnormal: nothing unusual found",
        "patchy": "Patchy opacities in both lungs: found",
        "opacity": "One soft opacity: missed",
        "nodule": "A nodule: missed",
        "effusion": "Fluid at the base of a lung: no verdict",
    }
    assert models == ("bundled:chest",) and "what bundled:chest says" in heading(models)
    assert "nothing of how well" in BELOW


@pytest.mark.parametrize(
    ("kind", "state", "word"),
    [
        ("normal", UNUSUAL, "called unusual by mistake"),
        ("nodule", UNUSUAL, "found"),
        ("nodule", NOTHING_UNUSUAL, "missed"),
        ("nodule", BORDERLINE, "borderline"),
        ("nodule", ANOTHER_POPULATION, "no verdict"),
    ],
)
def test_a_verdict_on_a_phantom_has_a_word(kind: str, state: str, word: str):
    assert outcome(kind, state) == word
