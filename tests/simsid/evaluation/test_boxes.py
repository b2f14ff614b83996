from __future__ import annotations

import numpy as np
import pytest

from simsid.evaluation.boxes import box_metrics, iou, pointing_hit, union_of


def boxes_of(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_a_box_covers_the_pixels_whose_centres_it_holds():
    covered = union_of(boxes_of((1, 2, 3, 5)), (8, 8))
    assert covered.sum() == 2 * 3
    assert covered[2:5, 1:3].all()
    assert union_of(boxes_of((0.6, 0, 2.4, 1)), (4, 4))[0].tolist() == [False, True, False, False]


def test_a_box_smaller_than_a_pixel_and_one_over_the_border_keep_their_place():
    assert np.argwhere(union_of(boxes_of((3.6, 2.6, 3.7, 2.7)), (8, 8))).tolist() == [[2, 3]]
    assert union_of(boxes_of((6, 6, 9, 9)), (8, 8)).sum() == 4
    assert union_of(boxes_of((8, 8, 8, 8)), (8, 8)).sum() == 1


def test_overlapping_boxes_are_one_union():
    assert union_of(boxes_of((0, 0, 4, 4), (2, 0, 6, 4)), (8, 8)).sum() == 24


def test_pointing_game_asks_where_the_maximum_lies():
    truth = union_of(boxes_of((4, 4, 8, 8)), (8, 8))
    values = np.zeros((8, 8))
    values[5, 5] = 1
    assert pointing_hit(values, truth) == 1
    values[0, 0] = 2
    assert pointing_hit(values, truth) == 0


def test_a_plateau_counts_by_its_share_so_that_a_flat_map_scores_chance():
    truth = union_of(boxes_of((0, 0, 4, 4)), (8, 8))
    assert pointing_hit(np.zeros((8, 8)), truth) == pytest.approx(16 / 64)


def test_tolerance_reaches_as_far_as_it_says():
    truth = union_of(boxes_of((0, 0, 2, 2)), (16, 16))
    values = np.zeros((16, 16))
    values[1, 4] = 1  # three columns beside the last pixel of truth
    assert pointing_hit(values, truth, tolerance=2) == 0
    assert pointing_hit(values, truth, tolerance=3) == 1


def test_iou_by_hand():
    found = np.zeros((1, 4, 4), bool)
    found[0, 0] = True
    truth = np.zeros((1, 4, 4), bool)
    truth[0, :, 0] = True
    assert iou(found, truth) == pytest.approx(1 / 7)
    assert iou(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 0


def test_dice_of_boxes_is_told_beside_iou_by_hand():
    maps = np.zeros((1, 8, 8))
    maps[0, :4, :2] = 1  # 8 pixels, 4 of them in a box of 8
    got = box_metrics(maps, [boxes_of((0, 2, 2, 6))], 0.5)
    assert got["iou"]["value"] == pytest.approx(4 / 12)
    assert got["dice"]["value"] == pytest.approx(2 * 4 / 16)
    assert got["oracle_dice"]["value"] == pytest.approx(0.5)


def test_a_map_that_is_the_box_is_perfect_and_one_elsewhere_is_nothing():
    boxes = [boxes_of((4, 4, 12, 12)), boxes_of((0, 8, 8, 16))]
    maps = np.stack([union_of(b, (16, 16)).astype(float) for b in boxes])
    right, wrong = box_metrics(maps, boxes, 0.5), box_metrics(maps[:, ::-1, ::-1], boxes, 0.5)
    assert right["pointing"]["value"] == right["iou"]["value"] == 1
    assert right["oracle_iou"]["value"] == right["best_box_iou"]["value"] == 1
    assert wrong["pointing"]["value"] == pytest.approx(0.5)  # the first box is symmetric
    assert right["chance_pointing"] == pytest.approx(0.25)
    assert right["centre_pointing"]["value"] == 0.5
    assert right["n"] == right["boxes"] == 2


def test_the_best_box_is_credited_where_one_of_two_is_found():
    boxes = [boxes_of((0, 0, 4, 4), (8, 8, 16, 16))]
    maps = union_of(boxes[0][1:], (16, 16)).astype(float)[None]
    got = box_metrics(maps, boxes, 0.5)
    assert got["best_box_iou"]["value"] == 1
    assert got["iou"]["value"] == pytest.approx(64 / 80)


def test_chance_iou_is_what_random_maps_score():
    rng = np.random.default_rng(0)
    boxes = [boxes_of((8, 8, 40, 40))] * 20
    got = box_metrics(rng.random((20, 64, 64)), boxes, 0.7)
    assert got["iou"]["value"] == pytest.approx(got["chance_iou"], abs=0.01)
    assert got["oracle_iou"]["value"] >= got["iou"]["value"]


def test_the_interval_narrows_with_more_films():
    rng = np.random.default_rng(0)
    boxes = [boxes_of((0, 0, 8, 16))] * 160
    maps = rng.random((160, 16, 16))

    def width(count: int) -> float:
        low, high = box_metrics(maps[:count], boxes[:count], 0.5)["pointing"]["ci"]
        return high - low

    assert 0 < width(160) < width(20)


def test_without_a_threshold_only_the_oracle_overlaps_are_told():
    got = box_metrics(np.ones((1, 8, 8)), [boxes_of((0, 0, 4, 4))], None)
    assert got["iou"] is None
    assert got["chance_iou"] is None
    assert got["oracle_iou"] is not None


def test_films_without_boxes_are_refused():
    with pytest.raises(ValueError, match="at least one box"):
        box_metrics(np.zeros((1, 8, 8)), [boxes_of()], 0.5)
