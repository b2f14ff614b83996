"""IGD and its MSACL kin: stages, components, maps."""

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS
from simsid.detectors import save_model
from simsid.detectors.igd import GLOBAL, GLOBAL_UNLIKELY, LOCAL, Igd, IgdConfig
from simsid.detectors.msacl_igd import MsaclIgd, MsaclIgdConfig
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs

TINY = {
    "image_size": (32, 32), "grid_size": (2, 2), "width": 4, "layers": (2,), "patch_size": 16,
    "channels": (4, 8), "patch_channels": (4, 8), "critic_channels": (4, 4), "latent_dim": 8,
}  # fmt: skip


def igd(**changes):
    torch.manual_seed(0)
    return Igd(IgdConfig(**TINY | {"learning_rate": 1e-2} | changes))


def msacl(**changes):
    torch.manual_seed(0)
    return MsaclIgd(MsaclIgdConfig(**TINY | {"embedding_dim": 8} | changes))


@pytest.fixture(scope="module")
def fitted():
    return fit(igd(), blobs(64), epochs=20, batch_size=8, device="cpu")


def test_a_film_without_its_blob_is_found_and_shows_on_the_default_map(fitted):
    whole, broken = blobs(24, seed=7), blobs(24, seed=7)
    broken[:, 16:, 16:] = 15
    assert fitted.predict(broken).score.mean() > fitted.predict(whole).score.mean() + 0.5
    maps = fitted.predict(broken).anomaly_map[:, 0]
    assert maps[:, 18:30, 18:30].mean() > maps[:, :14, :14].mean()


def test_reconstruction_comes_from_the_global_model(fitted):
    images = blobs(4, seed=2)
    rebuilt = fitted.predict(images).reconstruction[:, 0]
    assert np.abs(rebuilt - images / 255).mean() < 0.3


def test_the_whole_films_unlikeliness_is_the_same_in_every_region(fitted):
    with torch.no_grad():
        evidence = fitted.evidence(torch.as_tensor(blobs(3))[:, None] / 255)
    regions = evidence.regions[GLOBAL_UNLIKELY]
    assert torch.allclose(regions, regions[:, :1].expand_as(regions), atol=1e-6)
    assert not torch.allclose(evidence.regions[LOCAL], evidence.regions[GLOBAL])


def test_descriptors_are_settled_on_training_normals(fitted):
    images = torch.as_tensor(blobs(64))[:, None].float() / 255
    with torch.no_grad():
        likely = fitted.models[0].descriptor(fitted.models[0].encode(images))
    assert 0.3 < likely.mean() < 0.9


def no_films():
    return iter(())


def test_local_and_global_encoder_start_from_the_pretrained_one():
    detector = msacl()
    detector.begin_stage("pretraining", no_films)
    whole, patch = (model.backbone for model in detector.models)
    assert not torch.equal(whole.conv1.weight, patch.conv1.weight)
    detector.begin_stage("descriptors", no_films)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, patch.state_dict()[name])


def test_each_stage_moves_its_own_weights():
    detector = msacl()
    pretrained = set(detector.players("pretraining"))
    later = set(detector.players("descriptors"))
    assert pretrained == {"encoder"} and later == {"models", "critics"}


def test_neither_critics_nor_pretraining_are_kept(tmp_path):
    from safetensors import safe_open

    save_model(fit(msacl(), blobs(24), epochs=2, batch_size=8, device="cpu"), tmp_path / "model")
    with safe_open(tmp_path / "model" / "model.safetensors", "pt") as file:
        names = list(file.keys())
    assert names and not any(name.startswith(("critics.", "pretraining.")) for name in names)


def test_images_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        IgdConfig.preset("quick", (90, 90), FILMS)
