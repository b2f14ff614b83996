"""PatchCore and its region-specific kind: what they store, and where they tell what."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS, Cells
from simsid.detectors import detector_class, load_model, save_model
from simsid.detectors.patchcore import PatchCore, PatchCoreConfig
from simsid.detectors.region_patchcore import RegionPatchCore
from simsid.detectors.region_patchcore_config import RegionPatchCoreConfig
from simsid.errors import SimsidError
from simsid.models.alignment import identity
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs

SIZE = (64, 64)
SMALL = {"width": 8, "layers": (1, 2), "pretraining": False, "blur": 1.0}


def films(count, seed=0):
    return blobs(count, seed).repeat(2, axis=1).repeat(2, axis=2)


def bodies(count, seed=0):
    """A bright body with dark margins at both sides, blobs within."""
    inside = np.zeros((64, 64), bool)
    inside[:, 12:52] = True
    return np.where(inside, films(count, seed) // 2 + 60, 0).astype(np.uint8)


def patchcore(**changes):
    torch.manual_seed(0)
    config = PatchCoreConfig.preset("quick", SIZE, Cells((2, 2)))
    return PatchCore(replace(config, **SMALL | changes))


def region(**changes):
    torch.manual_seed(0)
    config = RegionPatchCoreConfig.preset("quick", SIZE, Cells((2, 2)))
    return RegionPatchCore(
        replace(config, **SMALL | {"align_rounds": 1, "align_width": 4} | changes)
    )


def fitted(detector, images):
    return fit(detector, images, epochs=1, batch_size=8, device="cpu")


@pytest.fixture(scope="module")
def masked():
    return fitted(region(), bodies(24))


def test_a_stored_film_is_at_no_distance_and_a_strange_one_is():
    detector = patchcore(coreset_share=1.0, coreset_most=4096, places_per_film=256)
    fit(detector, films(12), films(4, seed=1), device="cpu")
    normals = torch.as_tensor(films(12)[:, None] / np.float32(255))
    with torch.no_grad():
        known = detector.evidence(normals).regions["nearest"].amin(1)
        strange = detector.evidence(normals.flip(2)).regions["nearest"].amax(1)
    assert known.min() < 0.01 * strange.min()  # the bank is in half precision


def test_the_papers_score_is_the_largest_distance_of_all():
    detector = fitted(patchcore(), films(24))
    images = films(8, seed=1)
    with torch.no_grad():
        raw = detector.evidence(torch.as_tensor(images[:, None] / np.float32(255)))
    order = raw.regions["nearest"].amax(1).argsort().tolist()
    assert np.argsort(detector.predict(images).scores["nearest"]).tolist() == order


def test_the_map_peaks_where_something_is_new():
    detector = fitted(patchcore(), films(24))
    changed = films(1, seed=2)
    changed[:, 8:24, 40:56] = 255 - changed[:, 8:24, 40:56]
    peak = detector.predict(changed).anomaly_map[0, 0].argmax()
    assert peak // 64 < 32 <= peak % 64


def test_the_bank_is_a_share_of_all_places_within_its_limits():
    assert len(fitted(patchcore(coreset_share=0.05), films(24)).memory_bank) == round(
        0.05 * 22 * 256
    )
    assert len(fitted(patchcore(coreset_share=1e-6), films(24)).memory_bank) == 64
    assert len(fitted(patchcore(coreset_most=10), films(24)).memory_bank) == 10


def test_without_pretraining_there_is_nothing_to_train_and_it_is_said():
    assert patchcore().unused_options() == ("epochs", "batch_size", "precision")
    assert not patchcore(pretraining=True).unused_options()


def test_pretraining_changes_the_backbone_and_leaves_no_heads_in_the_folder(tmp_path):
    detector = patchcore(pretraining=True)
    before = detector.features.backbone.conv1.weight.clone()
    save_model(fitted(detector, films(24)), tmp_path / "model")
    assert not torch.equal(before, detector.features.backbone.conv1.weight)
    again = load_model(tmp_path / "model")
    images = films(3, seed=1)
    assert np.array_equal(again.predict(images).score, detector.predict(images).score)


@pytest.mark.parametrize("name", ["patchcore", "region-patchcore"])
def test_a_pretrained_backbone_that_cannot_be_had_is_one_sentence(name, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cls = detector_class(name)
    config = cls.config_class.preset("quick", SIZE, FILMS)
    detector = cls(replace(config, backbone="torchvision:resnet18"))
    with pytest.raises(SimsidError, match="cannot be fetched"):
        fitted(detector, films(12))


def test_a_cell_remembers_its_own_place():
    """The same four blobs elsewhere: every one is known somewhere, none in its cell."""
    detector = fitted(region(align=False, cells=(2, 2), coreset_share=0.2), films(30))
    swapped = np.roll(films(20, seed=1), 32, axis=2)
    normal = films(20, seed=2)
    apart = {}
    for name in ("region", "global"):
        there, here = (detector.predict(images, score=name).score for images in (swapped, normal))
        apart[name] = (there.mean() - here.mean()) / here.std()
    assert apart["region"] > 2 * apart["global"]


def test_margins_are_masked_and_not_stored(masked):
    mask = masked.mask.reshape(masked.map_size)
    assert not mask[:, :2].any() and not mask[:, -2:].any() and mask[:, 5:11].all()
    bare = bodies(4, seed=1)
    marked = bare.copy()
    marked[:, 20:40, :3] = 255
    maps = [masked.predict(x, score="global").anomaly_map[..., :3] for x in (bare, marked)]
    assert np.allclose(*maps, atol=0.05)  # in standard deviations of normals


def test_without_masking_everything_is_looked_at():
    assert fitted(region(masking=False), bodies(24)).mask.all()


def test_scattered_digits_are_not_masked():
    assert fitted(region(), films(24)).mask.all()


def test_alignment_can_be_switched_off():
    detector = region(align=False)
    assert detector.align_net is None and detector.stages() == ()
    images = torch.rand(2, 1, *SIZE)
    assert torch.equal(detector.aligned(images)[0], images)


def test_regions_can_be_switched_off_and_nothing_is_stored_for_them():
    detector = fitted(region(regions=False), films(24))
    assert detector.score_names == ("fused", "global")
    assert len(detector.region_bank) == 1
    prediction = detector.predict(films(3, seed=1))
    assert np.allclose(prediction.score, prediction.scores["global"])


def test_what_is_found_is_told_on_the_film_as_it_came(masked):
    """With a network that moves every film, the map still peaks at the mark."""
    detector = fitted(region(align=False, masking=False), films(30))
    detector.align_net = torch.nn.Identity()
    theta = torch.tensor([[[1.0, 0.0, 0.25], [0.0, 1.0, 0.0]]])
    detector.align_net.forward = lambda images: theta.expand(len(images), 2, 3)
    film = torch.as_tensor(films(1, seed=1)[:, None] / np.float32(255))
    marked = film.clone()
    marked[..., 40:48, 44:52] = 1 - marked[..., 40:48, 44:52]
    with torch.no_grad():
        maps = [detector.evidence(x).pixels["global"] for x in (film, marked)]
    row, col = divmod(int((maps[1] - maps[0]).flatten().argmax()), 64)
    assert 36 <= row <= 52 and 40 <= col <= 56


def test_the_canonical_film_is_the_median_at_first_and_made_anew_in_rounds():
    images = films(20)
    detector = region(align_rounds=2)
    batches = lambda: iter([torch.as_tensor(images)[:, None] / 255])  # noqa: E731
    detector.begin_stage("align 1", batches)
    median = torch.as_tensor(images / np.float32(255)).median(0).values
    assert torch.allclose(detector.canonical[0, 0], median, atol=1e-3)
    assert [stage.name for stage in detector.stages()] == ["align 1", "align 2"]
    torch.nn.init.normal_(detector.align_net.head.weight, std=1.0)  # films are moved apart
    detector.begin_stage("align 2", batches)
    assert not torch.allclose(detector.canonical[0, 0], median, atol=0.02)


def test_what_alignment_does_to_every_film_is_undone():
    detector, images = region(), torch.as_tensor(films(20))[:, None] / 255
    with torch.no_grad():
        detector.align_net.head.bias.fill_(0.5)
    detector.begin_stage("align 1", lambda: iter([images]))
    mean = detector.aligned(images)[1].mean(0)
    assert torch.allclose(mean, torch.eye(2, 3), atol=1e-5)


def test_learning_alignment_leaves_the_backbone_as_it_is():
    detector = region()
    before = {k: v.clone() for k, v in detector.features.state_dict().items()}
    images = torch.as_tensor(films(8))[:, None] / 255.0
    detector.begin_stage("align 1", lambda: iter([images]))
    _, losses = next(detector.train().training_step(images, "align 1"))
    losses["loss"].backward()
    assert detector.align_net.head.weight.grad is not None
    assert all(value.grad is None for value in detector.features.parameters())
    assert all(torch.equal(before[k], v) for k, v in detector.features.state_dict().items())


def test_an_untrained_network_aligns_nothing():
    images = torch.rand(3, 1, *SIZE)
    assert torch.equal(region().eval().aligned(images)[1], identity(3, images))


def test_cells_that_cannot_be_are_refused():
    for cells in ((0, 2), (17, 1)):
        with pytest.raises(ValueError, match="cells"):
            region(cells=cells)


@pytest.mark.parametrize("config", [PatchCoreConfig, RegionPatchCoreConfig])
def test_films_and_data_with_a_grid_have_settings_of_their_own(config):
    film, grid = config.preset("quick", SIZE, FILMS), config.preset("quick", SIZE, Cells((2, 2)))
    assert (film.pretraining, film.reduce) == (True, "mean")
    assert (grid.pretraining, grid.reduce) == (False, "max")


def test_stages_that_are_left_out_leave_the_others_as_long_as_they_were():
    from simsid.training.schedule import share_epochs

    epochs = {}
    for changes in ({}, {"align": False}, {"pretraining": False}):
        detector = region(**{"pretraining": True, "align_rounds": 3} | changes)
        total = detector.epochs_for("quick", detector.config, 10)
        names = [stage.name for stage in detector.stages()]
        epochs[str(changes)] = dict(zip(names, share_epochs(detector.stages(), total), strict=True))
    whole, unaligned, untaught = epochs.values()
    assert unaligned["pretraining"] == whole["pretraining"]
    assert untaught["align 3"] == whole["align 3"]
