"""PaDiM and its MSACL kin: maps, shared parts, what is kept and what training needs."""

import dataclasses

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS, Cells
from simsid.detectors import save_model
from simsid.detectors.msacl_padim import MsaclPadim, MsaclPadimConfig
from simsid.detectors.padim import MAHALANOBIS, Padim, PadimConfig
from simsid.training.fit import fit
from simsid.training.loop import Training
from simsid.training.options import TrainOptions
from tests.simsid.training.tiny import blobs

TINY = {"image_size": (32, 32), "grid_size": (2, 2), "width": 8, "dimensions": 12}


def padim(**changes):
    torch.manual_seed(0)
    return Padim(PadimConfig(**TINY | changes))


def msacl(**changes):
    torch.manual_seed(0)
    return MsaclPadim(MsaclPadimConfig(**TINY | {"embedding_dim": 16} | changes))


@pytest.fixture(scope="module")
def fitted():
    return fit(padim(), blobs(60), device="cpu")


def test_training_is_only_looking_and_the_backbone_stays_as_drawn(fitted):
    assert fitted.stages() == () and "epochs" in fitted.unused_options()
    drawn = padim()
    drawn.round_weights()
    for name, value in drawn.backbone.named_parameters():
        assert torch.equal(value, fitted.backbone.get_parameter(name))


def test_a_strange_spot_has_the_highest_distances_and_shows_on_the_default_map(fitted):
    images = blobs(20, seed=9).astype(np.float32) / 255
    images[:, :5, 27:] = 0.9  # beside the blob of that quarter
    prediction = fitted.predict(images)
    normal = fitted.predict(blobs(20, seed=9))
    assert prediction.score.mean() > normal.score.mean() + 0.5
    assert (prediction.regions.reshape(20, 4).argmax(1) == 1).mean() > 0.7
    peaks = prediction.anomaly_map.reshape(20, -1).argmax(1)
    assert ((peaks // 32 < 16) & (peaks % 32 >= 16)).mean() > 0.7


def test_distances_of_training_normals_are_about_the_root_of_the_dimensions(fitted):
    images = torch.as_tensor(blobs(60))[:, None].float() / 255
    distance = fitted.gaussian(fitted.features(images)).square().mean()
    assert 0.3 < distance / TINY["dimensions"] < 1.2


def test_the_kept_channels_are_the_same_in_every_build():
    assert torch.equal(padim().kept, padim().kept)
    assert padim().kept.unique().numel() == TINY["dimensions"]


@pytest.mark.parametrize("dimensions", [0, 10_000])
def test_more_dimensions_than_channels_are_refused(dimensions):
    with pytest.raises(ValueError, match="dimensions"):
        padim(dimensions=dimensions)


def test_small_images_are_refused():
    with pytest.raises(ValueError, match="32 px"):
        PadimConfig.preset("quick", (16, 16), FILMS)


def test_sides_that_are_no_multiple_of_the_stride_work():
    detector = padim(image_size=(36, 44), grid_size=(2, 2))
    evidence = detector.eval().evidence(torch.rand(2, 1, 36, 44))
    assert evidence.pixels[MAHALANOBIS].shape == (2, 1, 36, 44)


def test_pretraining_changes_the_backbone_and_is_not_kept(tmp_path):
    detector = fit(msacl(), blobs(24), epochs=1, batch_size=8, device="cpu")
    drawn = msacl()
    assert not torch.equal(detector.backbone.conv1.weight, drawn.backbone.conv1.weight)
    save_model(detector, tmp_path / "model")
    from safetensors import safe_open

    with safe_open(tmp_path / "model" / "model.safetensors", "pt") as file:
        assert not any(name.startswith("pretraining.") for name in file.keys())  # noqa: SIM118


def test_pretraining_is_the_same_for_the_same_seed():
    first, second = (
        fit(msacl(), blobs(24), epochs=1, batch_size=8, device="cpu") for _ in range(2)
    )
    assert torch.equal(first.gaussian.factor, second.gaussian.factor)


def test_statistics_after_training_are_those_of_the_normals():
    images, detector = blobs(24), msacl()
    Training(detector, images, TrainOptions(epochs=1, batch_size=8, progress=False)).run()
    seen = []
    detector.backbone.bn1.register_forward_hook(lambda _, args, __: seen.append(args[0]))
    detector.backbone(torch.as_tensor(images)[:, None].float() / 255)
    mean = seen[0].mean((0, 2, 3))
    assert torch.allclose(detector.backbone.bn1.running_mean, mean, atol=1e-2)


def test_msacl_padim_scores_like_padim_on_the_same_backbone():
    fields = {field.name for field in dataclasses.fields(PadimConfig)}
    detector = msacl()
    detector.eval().consolidate(lambda: iter([torch.rand(16, 1, 32, 32)]))
    plain = Padim(PadimConfig(**{name: getattr(detector.config, name) for name in fields}))
    state = {k: v for k, v in detector.state_dict().items() if not k.startswith("pretraining.")}
    plain.load_state_dict(state)
    images = torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        ours, theirs = detector.evidence(images), plain.eval().evidence(images)
    assert torch.equal(ours.regions[MAHALANOBIS], theirs.regions[MAHALANOBIS])


@pytest.mark.parametrize(("kind", "of_the_paper"), [(FILMS, True), (Cells((2, 2)), False)])
def test_films_are_scored_as_in_the_paper_and_grids_by_their_mean(kind, of_the_paper):
    config = PadimConfig.preset("quick", (64, 64), kind)
    detector = fit(Padim(config), np.kron(blobs(24), np.ones((1, 2, 2), np.uint8)))
    scores = detector.predict(np.kron(blobs(4, seed=1), np.ones((1, 2, 2), np.uint8))).scores
    assert np.allclose(scores["fused"], scores["mahalanobis"]) == of_the_paper
    assert MsaclPadimConfig.preset("quick", (64, 64), kind).reduce == "mean"
