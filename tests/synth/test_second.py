"""Generator 2: families, places and factors."""

import numpy as np
import pytest

from synth import AnatomyConfig, DigitAnatomy, SynthError
from synth.book import INK
from synth.factors import COLUMNS
from synth.generators.turn import turned_tile
from synth.places import region_map
from synth.population import POPULATIONS

KINDS = (
    "novel", "missing", "flipped", "disordered", "repeated", "advanced", "otherhand", "large",
    "small", "turned", "shifted", "faint", "extra",
)  # fmt: skip
LEVELS = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def by_level():
    return {v: DigitAnatomy(AnatomyConfig(generator=2, starts=3, difficulty=v)) for v in LEVELS}


def cell_of(picture, cell, side=32):
    row, col = cell.row, cell.col
    return picture[row * side : (row + 1) * side, col * side : (col + 1) * side]


def test_it_knows_thirteen_kinds_and_their_families(by_level):
    anatomy = by_level[0.0]
    assert anatomy.kinds == ("normal", *KINDS)
    structural = {kind for kind, family in anatomy.families.items() if family == "structural"}
    assert structural == {"novel", "missing", "flipped"}
    assert set(anatomy.words) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_sample_equals_its_twin_outside_the_changed_cells(kind, level, by_level):
    for sample in by_level[level].samples("test", kind, range(25)):
        twin = by_level[level].twin("test", kind, sample.index).image.copy()
        assert sample.mask.any() and sample.label == 1
        for cell in sample.cells:
            if cell.action == "equalled":
                assert np.array_equal(cell_of(sample.image, cell), cell_of(twin, cell))
            else:
                assert (
                    cell_of(sample.mask, cell)
                    & (cell_of(sample.image, cell) != cell_of(twin, cell))
                ).any()
            cell_of(twin, cell)[:] = cell_of(sample.image, cell)
        assert np.array_equal(sample.image, twin)


@pytest.mark.parametrize("kind", KINDS)
def test_places_cover_the_mask_once_and_can_be_saturated(kind, by_level):
    for sample in by_level[0.5].samples("test", kind, range(25)):
        regions = region_map(sample.mask, sample.places, 32)
        assert np.array_equal(regions > 0, sample.mask)
        for number, place in enumerate(sample.places, start=1):
            assert 1 <= place.saturation <= (regions == number).sum()


def test_repeated_digits_are_one_place_of_which_one_digit_is_enough(by_level):
    for sample in by_level[1.0].samples("test", "repeated", range(30)):
        assert len(sample.cells) == 2 and len(sample.places) == 1
        first, second = sample.cells
        assert first.row == second.row and first.after == second.after
        assert {first.action, second.action} == {"equalled", "replaced"}
        assert sample.places[0].saturation < sample.mask.sum()


def test_every_cell_of_a_repeated_row_is_normal_in_some_other_image():
    """With several starts the digit that is repeated belongs there in an image of another start."""
    anatomy = DigitAnatomy(AnatomyConfig(generator=2, starts=3, difficulty=1.0))
    usual = [{(int(digit) + start) % 10 for start in range(3)} for digit in "123456789"]
    inside = [
        cell.after in usual[3 * cell.row + cell.col]
        for sample in anatomy.samples("test", "repeated", range(60))
        for cell in sample.cells
    ]
    assert np.mean(inside) > 0.7


def test_an_advanced_row_holds_its_digits_moved_on_by_one(by_level):
    for sample in by_level[1.0].samples("test", "advanced", range(20)):
        before, after = ([getattr(c, name) for c in sample.cells] for name in ("before", "after"))
        assert after == before[-1:] + before[:-1]
        assert len(sample.places) == 1 and len(sample.places[0].cells) == 3


@pytest.mark.parametrize("kind", ["otherhand", "large", "small", "turned", "shifted", "faint"])
def test_cells_that_differ_from_the_rest_keep_their_digit(kind, by_level):
    for level in LEVELS:
        for sample in by_level[level].samples("test", kind, range(20)):
            (cell,) = sample.cells
            assert cell.before == cell.after


def test_the_dial_makes_each_change_smaller(by_level):
    def mean(kind, measure, level):
        cells = [s.cells[0] for s in by_level[level].samples("test", kind, range(40))]
        return np.mean([measure(cell.details) for cell in cells])

    measures = {
        "large": lambda d: d["ratio"] - 1,
        "small": lambda d: 1 - d["ratio"],
        "turned": lambda d: abs(d["degrees"]),
        "shifted": lambda d: np.hypot(d["x"], d["y"]),
        "faint": lambda d: 1 - d["ink"],
        "extra": lambda d: d["size"],
    }
    for kind, measure in measures.items():
        sizes = [mean(kind, measure, level) for level in LEVELS]
        assert sizes[0] > sizes[1] > sizes[2] > 0, kind


def test_an_image_has_one_size_and_version_1_has_not():
    second = DigitAnatomy(AnatomyConfig(generator=2)).samples("train", "normal", range(50))
    first = DigitAnatomy().samples("train", "normal", range(50))
    assert max(sample.factors["size_spread"] for sample in second) <= 2
    assert min(sample.factors["size_spread"] for sample in first) > 2
    assert np.std([sample.factors["size"] for sample in second]) > 1.5


def test_hands_differ_in_slant_and_weight_as_their_names_say():
    samples = DigitAnatomy(AnatomyConfig(generator=2)).samples("train", "normal", range(400))
    ink = {name: np.mean([(s.image >= INK).sum() / s.factors["size"] ** 2 for s in samples
                          if s.factors["hand"].endswith(name)])
           for name in ("thin", "medium", "thick")}  # fmt: skip
    assert ink["thin"] < 0.9 * ink["medium"] < 0.81 * ink["thick"]
    assert len({sample.factors["hand"] for sample in samples}) == 9


@pytest.mark.parametrize("generator", [1, 2])
def test_every_sample_has_every_factor(generator):
    anatomy = DigitAnatomy(AnatomyConfig(generator=generator, difficulty=0.25))
    for kind in anatomy.kinds:
        factors = anatomy.sample("val", kind, 3).factors
        assert set(factors) == set(COLUMNS)
        assert all(isinstance(factors[name], of) for name, of in COLUMNS.items()), factors
        assert factors["strength"] == (0.0 if kind == "normal" else 0.75)
        assert (factors["changed"] == "") == (kind == "normal")


def test_few_glyphs_mean_no_other_hand_and_the_reason_is_told(tmp_path):
    from tests.synth.conftest import make_glyphs

    images, labels = make_glyphs(each=4)
    np.savez(tmp_path / "few.npz", images=images, labels=labels)
    anatomy = DigitAnatomy(AnatomyConfig(generator=2, digits=str(tmp_path / "few.npz")))
    assert "otherhand" not in anatomy.kinds and "repeated" in anatomy.kinds
    with pytest.raises(SynthError, match="too few glyphs"):
        anatomy.sample("test", "otherhand", 0)


def test_a_column_of_digits_cannot_repeat_in_a_row():
    anatomy = DigitAnatomy(AnatomyConfig(3, 1, "123", generator=2))
    assert {"repeated", "advanced"}.isdisjoint(anatomy.kinds)
    for kind in anatomy.kinds:
        anatomy.sample("test", kind, 0)


def test_images_are_those_of_samples():
    config = AnatomyConfig(generator=2, starts=2, population=POPULATIONS["other-scanner"])
    anatomy = DigitAnatomy(config)
    for kind in ("normal", "repeated", "turned"):
        alone = [anatomy.sample("val", kind, index).image for index in (5, 0, 700)]
        assert np.array_equal(anatomy.images("val", kind, [5, 0, 700]), np.stack(alone))


def test_kinds_of_generator_2_are_refused_by_generator_1_with_the_remedy():
    with pytest.raises(SynthError, match="--generator 2"):
        DigitAnatomy().sample("test", "repeated", 0)
    with pytest.raises(SynthError, match="--generator 2"):
        AnatomyConfig(starts=3)
    with pytest.raises(SynthError, match="generator must be one of 1 and 2"):
        AnatomyConfig(generator=3)


def test_turning_by_a_quarter_is_exact_and_by_nothing_changes_nothing():
    cell = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert np.array_equal(turned_tile(cell, 0, (8, 8)), cell)
    assert np.array_equal(turned_tile(cell, 90, (8, 8)), np.rot90(cell))
