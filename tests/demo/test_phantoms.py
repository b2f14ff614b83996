"""What the bundled chest model's checks say of phantoms: that they are films. The page must say more."""

import hub
from demo.digits import examples as digits
from demo.phantoms import NAMES, NOTE, phantoms
from simsid.detectors.findings import REFUSE
from simsid.scoring import ScoredFilm, score_film
from synth.phantoms import KINDS


def test_the_checks_take_phantoms_for_films_so_the_note_says_what_they_are():
    detector = hub.load("bundled:chest")
    drawn = phantoms()
    assert tuple(NAMES.values()) == KINDS and not set(drawn) & set(digits())
    found = {name: score_film(detector, image) for name, image in drawn.items()}
    for film in found.values():
        assert isinstance(film, ScoredFilm)  # in place, though no patient was there
        assert not any(finding.severity == REFUSE for finding in film.findings)
    scores = {name: film.score for name, film in found.items()}
    assert scores["plain"] == min(scores.values())
    assert "no patient was there" in NOTE and "says nothing of films" in NOTE
