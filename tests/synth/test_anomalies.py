import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth import AnatomyConfig, DigitAnatomy
from synth.anomalies import ANOMALIES, visible_flips
from synth.book import INK
from synth.flips import ALLOWED, AXES, VISIBLE, difference
from synth.scene import Scene

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


@pytest.fixture(scope="module")
def by_level():
    return {level: DigitAnatomy(AnatomyConfig(difficulty=level)) for level in LEVELS}


def cell_of(picture: np.ndarray, row: int, col: int, side: int = 32) -> np.ndarray:
    return picture[row * side : (row + 1) * side, col * side : (col + 1) * side]


@pytest.mark.parametrize("kind", ANOMALIES)
@pytest.mark.parametrize("level", LEVELS)
def test_sample_equals_its_twin_outside_the_touched_cells_and_differs_inside(kind, level, by_level):
    anatomy = by_level[level]
    for sample in anatomy.samples("test", kind, range(40)):
        twin = anatomy.twin("test", kind, sample.index).image.copy()
        assert sample.label == 1 and sample.mask.any() and sample.cells
        for cell in sample.cells:
            here = cell_of(sample.image, cell.row, cell.col)
            there = cell_of(twin, cell.row, cell.col)
            mask = cell_of(sample.mask, cell.row, cell.col)
            assert not np.array_equal(here, there)
            assert (mask & (here != there)).any()
            there[:] = here
        assert np.array_equal(sample.image, twin)


@pytest.mark.parametrize("kind", ANOMALIES)
@pytest.mark.parametrize("level", LEVELS)
def test_mask_is_the_ink_that_is_wrong_or_missing(kind, level, by_level):
    anatomy = by_level[level]
    for sample in anatomy.samples("test", kind, range(40)):
        before = anatomy.twin("test", kind, sample.index).image >= INK
        after = sample.image >= INK
        expected = np.zeros_like(sample.mask)
        for cell in sample.cells:
            was, now = (cell_of(part, cell.row, cell.col) for part in (before, after))
            truth = was & ~now if kind == "missing" else was | now
            cell_of(expected, cell.row, cell.col)[:] = truth
        assert np.array_equal(sample.mask, expected)


@pytest.mark.parametrize("kind", ANOMALIES)
def test_one_to_three_cells_are_touched_each_once(kind, by_level):
    counts = set()
    for sample in by_level[0.0].samples("test", kind, range(120)):
        places = [(cell.row, cell.col) for cell in sample.cells]
        assert len(set(places)) == len(places) and places == sorted(places)
        counts.add(len(places))
    assert counts == ({2, 3} if kind == "disordered" else {1, 2, 3})


def test_novel_digit_is_from_outside_the_order(by_level):
    for sample in by_level[0.0].samples("test", "novel", range(40)):
        assert {cell.after for cell in sample.cells} == {0}
    many = DigitAnatomy(AnatomyConfig(rows=1, cols=3, order="123"))
    seen = {c.after for s in many.samples("test", "novel", range(80)) for c in s.cells}
    assert seen == {0, 4, 5, 6, 7, 8, 9}


def test_missing_digit_leaves_an_empty_cell_when_blatant(by_level):
    for sample in by_level[0.0].samples("test", "missing", range(40)):
        for cell in sample.cells:
            assert not cell_of(sample.image, cell.row, cell.col).any()
            assert cell.after is None and cell.details == {"erased": 1.0}


def test_disorder_moves_digits_with_their_pixels_and_changes_every_identity(by_level):
    for level in LEVELS:
        anatomy = by_level[level]
        for sample in anatomy.samples("test", "disordered", range(40)):
            twin = anatomy.twin("test", "disordered", sample.index).image
            for cell in sample.cells:
                origin = cell.details["from_row"], cell.details["from_col"]
                here = cell_of(sample.image, cell.row, cell.col)
                assert np.array_equal(here, cell_of(twin, *origin))
                assert cell.before != cell.after
            before = sorted(cell.before for cell in sample.cells)
            assert before == sorted(cell.after for cell in sample.cells)


@given(
    order=st.text("0123456789", min_size=4, max_size=4).filter(lambda text: len(set(text)) > 1),
    difficulty=st.floats(0, 1),
    index=st.integers(0, 2**40),
)
@settings(max_examples=40, deadline=None)
def test_equal_digits_are_never_exchanged(order, difficulty, index):
    config = AnatomyConfig(rows=2, cols=2, order=order, cell=20, difficulty=difficulty)
    sample = DigitAnatomy(config).sample("val", "disordered", index)
    assert len(sample.cells) >= 2
    assert all(cell.before != cell.after for cell in sample.cells)


def test_flip_mirrors_the_digit_within_its_own_box(by_level):
    for sample in by_level[0.0].samples("test", "flipped", range(60)):
        twin = by_level[0.0].twin("test", "flipped", sample.index).image
        for cell in sample.cells:
            assert cell.after == cell.before and cell.details["axis"] in AXES
            axis = 1 if cell.details["axis"] == "horizontal" else 0
            here = cell_of(sample.image, cell.row, cell.col)
            there = np.flip(cell_of(twin, cell.row, cell.col), axis)
            rows = [np.flatnonzero(part.any(axis=1 - axis)) for part in (here, there)]
            cut = [np.take(part, at, axis) for part, at in zip((here, there), rows, strict=True)]
            assert np.array_equal(cut[0], cut[1])


def test_no_flip_leaves_the_digit_looking_the_same(by_level):
    for level in LEVELS:
        for sample in by_level[level].samples("test", "flipped", range(60)):
            for cell in sample.cells:
                assert cell.details["axis"] in ALLOWED[cell.before]
                assert cell.details["difference"] * 1000 >= VISIBLE


def test_zero_one_and_eight_are_never_flipped_nor_three_upside_down():
    assert all(ALLOWED[label] == () for label in (0, 1, 8))
    assert ALLOWED[3] == ("horizontal",)


def test_difference_ignores_slant_and_shift_but_not_shape():
    tiles = np.zeros((2, 16, 16), np.uint8)
    for row in range(16):
        tiles[0, row, 9 - row // 4 : 12 - row // 4] = 255  # a slanted bar
    tiles[1, :, 3:6] = tiles[1, 13:, 3:14] = 255  # an L
    bar, ell = difference(tiles, "horizontal")
    assert bar < VISIBLE < ell


def test_flips_are_offered_from_the_least_to_the_most_different():
    anatomy = DigitAnatomy()
    scenes = []
    ANOMALIES["probe"] = lambda scene, draws: scenes.append(scene) or []
    original = ANOMALIES["flipped"]
    ANOMALIES["flipped"] = ANOMALIES.pop("probe")
    try:
        anatomy.sample("test", "flipped", 0)
    finally:
        ANOMALIES["flipped"] = original
    (scene,) = scenes
    assert isinstance(scene, Scene)
    gaps = [gap for gap, _, _ in visible_flips(scene)]
    assert gaps == sorted(gaps) and len(gaps) > 5


@pytest.mark.parametrize("kind", ANOMALIES)
def test_difficulty_never_adds_cells_to_a_sample(kind, by_level):
    counts = np.array(
        [[len(s.cells) for s in by_level[v].samples("test", kind, range(60))] for v in LEVELS]
    )
    assert (np.diff(counts, axis=0) <= 0).all()
    assert (counts[-1] == (2 if kind == "disordered" else 1)).all()
    assert (np.diff(counts.mean(axis=1)) < 0).sum() >= 3, "the dial acts all along its way"


def test_difficulty_erases_less_and_less(by_level):
    shares = np.array(
        [
            [
                s.cells[0].details["erased"]
                for s in by_level[v].samples("test", "missing", range(30))
            ]
            for v in LEVELS
        ]
    )
    assert (np.diff(shares.mean(axis=1)) < -0.1).all()
    assert (shares[0] == 1).all() and shares[-1].min() > 0.2 and shares[-1].max() < 0.6


def test_difficulty_fades_the_novel_digit(by_level):
    ghosts = []
    for level in LEVELS:
        samples = by_level[level].samples("test", "novel", range(30))
        ghosts.append([sample.cells[0].details["opacity"] for sample in samples])
    assert (np.diff(np.mean(ghosts, axis=1)) < -0.1).all()
    assert set(ghosts[0]) == {1.0} and min(ghosts[-1]) > 0.25 and max(ghosts[-1]) < 0.5


def test_difficulty_swaps_neighbours(by_level):
    def is_near(sample):
        (a, b), *more = [(cell.row, cell.col) for cell in sample.cells[:2]], sample.cells[2:]
        return not any(more) and abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1

    near = [
        np.mean([is_near(s) for s in by_level[v].samples("test", "disordered", range(80))])
        for v in LEVELS
    ]
    assert near[0] < 0.4 and near[-1] == 1 and near == sorted(near)


def test_difficulty_prefers_flips_that_change_little(by_level):
    gaps = []
    for level in LEVELS:
        samples = by_level[level].samples("test", "flipped", range(40))
        first = [max(cell.details["difference"] for cell in sample.cells) for sample in samples]
        gaps.append(np.mean(first))
    assert (np.diff(gaps) < 0).all()
