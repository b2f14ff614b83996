import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth import KINDS, AnatomyConfig, DigitAnatomy, SynthError
from synth.anomalies import ANOMALIES, OBSTACLES, register
from synth.compose import tile_sizes

BAD_PARAMETERS = {
    "short order": ({"order": "123"}, "9 digits"),
    "letters": ({"order": "12345678x"}, "digits 0-9"),
    "no rows": ({"rows": 0}, "rows"),
    "text rows": ({"rows": "3"}, "rows"),
    "tiny cell": ({"cell": 4}, "cell"),
    "negative seed": ({"seed": -1}, "seed"),
    "difficulty above 1": ({"difficulty": 1.5}, "difficulty"),
    "difficulty NaN": ({"difficulty": float("nan")}, "difficulty"),
    "contamination below 0": ({"contamination": -0.1}, "contamination"),
    "digits not text": ({"digits": 7}, "digits"),
}


@pytest.mark.parametrize("case", BAD_PARAMETERS)
def test_bad_parameters_are_refused_by_name(case):
    parameters, message = BAD_PARAMETERS[case]
    with pytest.raises(SynthError, match=message):
        AnatomyConfig(**parameters)


@pytest.mark.parametrize(
    ("split", "kind", "index", "message"),
    [
        ("all", "normal", 0, "split"),
        ("test", "odd", 0, "kind"),
        ("test", "normal", -1, "negative"),
    ],
)
def test_unknown_samples_are_refused(split, kind, index, message):
    with pytest.raises(SynthError, match=message):
        DigitAnatomy().sample(split, kind, index)


def test_normal_sample_has_its_promised_form():
    sample = DigitAnatomy().sample("train", "normal", 3)
    assert sample.image.shape == (96, 96) and sample.image.dtype == np.uint8
    assert sample.mask.shape == (96, 96) and sample.mask.dtype == bool
    assert not sample.mask.any() and sample.label == 0 and sample.cells == ()
    assert (sample.kind, sample.split, sample.index) == ("normal", "train", 3)


@given(cell=st.integers(16, 256))
@settings(max_examples=30, deadline=None)
def test_sizes_leave_a_margin_in_every_cell(cell):
    sizes = tile_sizes(cell)
    assert list(sizes) == sorted(set(sizes)) and len(sizes) >= 4
    assert sizes[0] >= cell // 2 and sizes[-1] <= cell - 3


@pytest.mark.parametrize("cell", [16, 31, 32])
def test_digits_keep_an_empty_pixel_around_them_in_their_cell(cell):
    images = DigitAnatomy(AnatomyConfig(cell=cell)).images("train", "normal", range(400))
    cells = images.reshape(400, 3, cell, 3, cell)
    for border in (0, cell - 1):
        assert not cells[:, :, border].any()
        assert not cells[..., border].any()


def test_digits_vary_in_scale_and_shift():
    images = DigitAnatomy().images("train", "normal", range(400))
    rows = (images[:, :32, 64:] >= 32).any(axis=2)
    top, bottom = rows.argmax(axis=1), 32 - rows[:, ::-1].argmax(axis=1)
    assert len(set((bottom - top).tolist())) >= 9
    assert len(set((bottom + top).tolist())) >= 8


def test_other_grids_and_orders_work():
    anatomy = DigitAnatomy(AnatomyConfig(rows=2, cols=4, order="00112233", cell=20))
    for kind in anatomy.kinds:
        assert anatomy.sample("val", kind, 0).image.shape == (40, 80)


def test_impossible_kinds_are_refused_with_the_reason():
    full = DigitAnatomy(AnatomyConfig(rows=2, cols=5, order="0123456789"))
    assert full.kinds == ("normal", "missing", "disordered", "flipped")
    with pytest.raises(SynthError, match="all ten digits"):
        full.sample("test", "novel", 0)
    eights = DigitAnatomy(AnatomyConfig(rows=1, cols=2, order="88"))
    assert eights.kinds == ("normal", "novel", "missing")
    with pytest.raises(SynthError, match="same digit"):
        eights.sample("test", "disordered", 0)
    with pytest.raises(SynthError, match="may look the same"):
        eights.sample("test", "flipped", 0)


def test_training_set_is_clean_by_default():
    anatomy = DigitAnatomy()
    images, contaminated = anatomy.train(50)
    assert not contaminated.any()
    assert np.array_equal(images, anatomy.images("train", "normal", range(50)))


def test_contamination_mixes_in_that_fraction_of_every_kind():
    anatomy = DigitAnatomy(AnatomyConfig(contamination=0.1))
    images, contaminated = anatomy.train(200)
    assert contaminated.sum() == 20
    plan = anatomy.train_plan(200)
    kinds = [kind for kind, _ in plan if kind != "normal"]
    assert {kind: kinds.count(kind) for kind in ANOMALIES} == dict.fromkeys(ANOMALIES, 5)
    for row in np.flatnonzero(contaminated):
        assert np.array_equal(images[row], anatomy.sample("train", *plan[row]).image)


def test_longer_training_set_extends_a_shorter_one():
    anatomy = DigitAnatomy(AnatomyConfig(contamination=0.3))
    short, long = anatomy.train(40), anatomy.train(90)
    assert np.array_equal(short[0], long[0][:40])
    assert np.array_equal(short[1], long[1][:40])


def test_contamination_of_everything_or_nothing_is_possible():
    assert DigitAnatomy(AnatomyConfig(contamination=1.0)).train(8)[1].all()
    assert DigitAnatomy().train(0)[0].shape == (0, 96, 96)
    with pytest.raises(SynthError, match="negative"):
        DigitAnatomy().train(-1)


def test_registering_a_kind_takes_one_function():
    @register("dimmed")
    def dimmed(scene, draws):
        return []

    try:
        assert ANOMALIES["dimmed"] is dimmed
        assert "dimmed" not in OBSTACLES
    finally:
        del ANOMALIES["dimmed"]


def test_kinds_are_the_four_of_the_talk():
    assert KINDS == ("normal", "novel", "missing", "disordered", "flipped")
