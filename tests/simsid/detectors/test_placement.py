"""Out of place: what is no film of the trained kind is told apart; what is abnormal is not."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from simsid import score
from simsid.cli import run_command
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.detectors import load_model
from simsid.detectors.model_folder import save_model
from simsid.detectors.placement import PlacementCheck, fit_placement
from simsid.scoring.film import check_placement
from synth import AnatomyConfig
from tests.simsid.helpers import make_data, make_detector

SHARE_OF_FILMS = 0.02
SHARE_OF_OTHERS = 0.95


def as_images(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels))[:, None].float() / 255


def flagged(check: PlacementCheck, images: torch.Tensor) -> float:
    return float(np.mean([bool(found) for found in check.findings(images)]))


def most_common_code(check: PlacementCheck, images: torch.Tensor) -> str:
    codes = [found[0].code for found in check.findings(images) if found]
    return max(set(codes), key=codes.count)


@pytest.fixture(scope="module")
def anatomy():
    return make_digitanatomy(
        AnatomyConfig(digits="strokes"), 300, 1, 0, test_normal=100, test_per_kind=20
    )


@pytest.fixture(scope="module")
def check(anatomy):
    placement = PlacementCheck()
    fit_placement(placement, as_images(anatomy.train))
    return placement


@pytest.fixture(scope="module")
def grids(anatomy):
    return as_images(anatomy.test.images[anatomy.test.labels == 0])


def test_normal_and_abnormal_images_of_the_trained_kind_are_in_place(check, anatomy):
    for label in (0, 1):
        images = as_images(anatomy.test.images[anatomy.test.labels == label])
        assert flagged(check, images) <= SHARE_OF_FILMS


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda x: 1 - x, "inverted"),
        (lambda x: torch.rot90(x, 1, (2, 3)), "turned_left"),
        (lambda x: torch.rot90(x, 3, (2, 3)), "turned_right"),
        (lambda x: torch.rot90(x, 2, (2, 3)), "upside_down"),
        (lambda x: torch.rand(x.shape, generator=torch.Generator().manual_seed(0)), "noise"),
        (lambda x: x * 0.01, "blank"),
    ],
)
def test_an_image_that_is_out_of_place_is_named_for_what_it_is(check, grids, change, code):
    images = change(grids[:60])
    assert flagged(check, images) >= SHARE_OF_OTHERS
    assert most_common_code(check, images) == code


def test_images_that_are_out_of_place_are_told_the_same_together_and_alone(check, grids):
    turned, noise = torch.rot90(grids, 1, (2, 3)), torch.rand_like(grids)
    images = torch.cat([grids[:3], 1 - grids[:3], turned[:3], noise[:3], 0 * grids[:1]])
    together = check.findings(images)
    assert together == [check.findings(image[None])[0] for image in images]
    codes = {found[0].code for found in together if found}
    assert {"inverted", "turned_left", "noise", "blank"} <= codes


def test_photos_are_not_like_training(check):
    data = pytest.importorskip("skimage.data")
    small = [Image.fromarray(photo()).resize((96, 96)) for photo in (data.camera, data.coins)]
    found = check.findings(as_images(np.stack([np.asarray(photo) for photo in small])))
    assert [[finding.code for finding in findings] for findings in found] == [
        ["not_like_training"]
    ] * 2
    assert all(findings[0].message for findings in found)


def test_mirror_images_are_as_strange_as_images(check, grids):
    straight, mirrored = check.strangeness(grids[:5]), check.strangeness(grids[:5].flip(3))
    assert torch.allclose(straight, mirrored, atol=1e-4)


def test_exposure_hardly_changes_strangeness(check, grids):
    darker = check.strangeness(grids[:40] * 0.7 + 0.1)
    assert torch.allclose(check.strangeness(grids[:40]), darker, atol=0.05)


@pytest.mark.slow
def test_the_same_seed_learns_the_same_bits_and_leaves_other_randomness_alone(anatomy):
    checks = PlacementCheck(), PlacementCheck()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    for placement in checks:
        fit_placement(placement, as_images(anatomy.train[:60]))
    assert torch.equal(torch.rand(4), expected)
    first, second = (placement.state_dict() for placement in checks)
    assert first["fitted"]
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_too_few_normals_teach_nothing_and_nothing_is_found(anatomy):
    placement = PlacementCheck()
    fit_placement(placement, as_images(anatomy.train[:20]))
    assert not placement.fitted
    assert placement.findings(torch.rand(2, 1, 96, 96)) == [[], []]


def test_what_is_remembered_is_small(check):
    assert sum(buffer.numel() * buffer.element_size() for buffer in check.buffers()) < 300_000


# --- as a part of a detector ------------------------------------------------------------------


@pytest.fixture(scope="module")
def discs():
    return make_data()


@pytest.fixture(scope="module")
def placed(discs):
    detector = make_detector(discs)
    detector.set_placement(lambda: iter(detector.as_batch(discs.train).split(32)))
    return detector


@pytest.fixture
def folder(placed, registered, tmp_path):
    save_model(placed, tmp_path / "model")
    return tmp_path / "model"


def test_a_saved_model_finds_the_same_and_scores_the_same(placed, folder, discs):
    again = load_model(folder)
    images = placed.as_batch(np.concatenate([discs.test.images[:8], 255 - discs.test.images[:8]]))
    assert torch.equal(again.placement.strangeness(images), placed.placement.strangeness(images))
    assert check_placement(again, images.numpy()) == check_placement(placed, images.numpy())


def test_a_model_folder_from_before_the_check_loads_and_finds_nothing(folder, discs):
    weights = load_file(folder / "model.safetensors")
    old = {name: value for name, value in weights.items() if not name.startswith("placement.")}
    save_file(old, folder / "model.safetensors")
    detector = load_model(folder)
    assert check_placement(detector, 255 - discs.test.images[:3]) == [[]] * 3


def test_an_old_checkpoint_still_fits_the_detector(placed, discs):
    old = {k: v for k, v in placed.state_dict().items() if not k.startswith("placement.")}
    make_detector(discs).load_state_dict(old)


def test_the_command_line_refuses_a_negative_unless_told_to_accept_it(folder, discs, tmp_path):
    (tmp_path / "films").mkdir()
    film = discs.test.images[0]
    Image.fromarray(film).save(tmp_path / "films" / "film.png")
    Image.fromarray(255 - film).save(tmp_path / "films" / "negative.png")
    out = tmp_path / "scores.csv"
    arguments = [str(tmp_path / "films"), "--model", str(folder), "--out", str(out)]

    assert run_command(lambda: score.main(arguments)) == 1
    film_row, negative = rows_of(out)
    assert (film_row["status"], film_row["message"]) == ("ok", "")
    assert (negative["status"], negative["score"]) == ("inverted", "")
    assert "photometric" in negative["message"]

    assert (
        run_command(lambda: score.main([*arguments, "--accept-out-of-place", "--overwrite"])) == 0
    )
    film_again, accepted = rows_of(out)
    assert film_again == film_row | {"model": film_again["model"]}
    assert accepted["status"] == "ok"
    assert float(accepted["score"]) == float(accepted["score"])
    assert "inverted" in accepted["message"]


def rows_of(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return sorted(csv.DictReader(file), key=lambda row: row["file"])
