"""What data a command works on is a value: compared, changed in one thing, and read when asked."""

import dataclasses
import inspect

import numpy as np
import pytest

from simsid.data import load
from simsid.data.choice import DataChoice
from simsid.data.film_set import FilmOptions
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.errors import DataError
from tests.simsid.data import trees


def test_a_choice_of_films_loads_what_it_says(tmp_path):
    films = FilmOptions(image_size=(64, 96))
    data = DataChoice("nih", str(trees.nih(tmp_path)), films=films).load()
    assert data.name == "nih" and data.image_size == (64, 96)


def test_a_choice_reads_nothing_before_it_is_loaded():
    choice = DataChoice("nih", "/nowhere")
    assert choice == DataChoice("nih", "/nowhere")
    with pytest.raises(DataError, match="/nowhere"):
        choice.load()


def test_contamination_changes_training_and_nothing_else(tmp_path):
    pure = DataChoice("nih", str(trees.nih(tmp_path)))
    mixed = pure.contaminated(0.2)
    assert dataclasses.replace(mixed, films=pure.films) == pure
    assert len(mixed.load().train) > len(pure.load().train)
    assert np.array_equal(mixed.load().calibration, pure.load().calibration)


def test_a_track_is_its_frozen_training_set_and_nothing_else_is_said_beside_it(monkeypatch):
    asked = []

    def few(*arguments, **named):
        given = inspect.signature(make_digitanatomy).bind(*arguments, **named)
        given.apply_defaults()
        asked.append(given.arguments)
        return make_digitanatomy(given.arguments["config"], 2, 2, 0, 2, 1)

    monkeypatch.setattr(load, "make_digitanatomy", few)
    easy = DataChoice(track="easy-1").load()
    assert easy.facts["track"] == "easy-1"
    assert easy.fingerprint == DataChoice().load().fingerprint
    assert asked[0] == asked[1]
    with pytest.raises(DataError, match="--generator cannot be given beside --track easy-1"):
        DataChoice(track="easy-1", generator=2).load()
    with pytest.raises(DataError, match="unknown track"):
        DataChoice(track="easy-0").load()
    with pytest.raises(DataError, match="--track applies to generated data"):
        DataChoice(track="easy-1", data_root="digits").load()
