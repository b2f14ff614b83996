"""The GAN localiser: three stages, one of them on lesions that are made."""

import dataclasses

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS
from simsid.detectors.gan_localiser import GanLocaliser, GanLocaliserConfig
from simsid.training import Training, TrainOptions
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs

TINY = GanLocaliserConfig(
    (32, 32), (2, 2), channels=(4, 8), latent_dim=8, localiser_channels=(8, 16)
)


def built(**changes):
    torch.manual_seed(0)
    return GanLocaliser(dataclasses.replace(TINY, **changes))


def batch(count=6):
    return torch.as_tensor(blobs(count))[:, None].float() / 255


def turns(detector, stage):
    detector.train()
    for name, losses in detector.training_step(batch(), stage):
        yield name, losses
        detector.zero_grad()


def moved_by(detector, stage):
    """Which networks a step of this stage would move: those of its players that get a gradient."""
    names = set()
    owner = {id(p): part for part, m in detector.named_children() for p in m.parameters()}
    players = detector.players(stage)
    for name, losses in turns(detector, stage):
        losses["loss"].backward()
        names |= {owner[id(p)] for p in players[name].parameters if p.grad is not None}
    return names


def test_each_stage_trains_its_own_networks():
    detector = built()
    assert moved_by(detector, "gan") == {"critic", "generator"}
    assert moved_by(detector, "encoder") == {"encoder", "generator"}
    assert moved_by(detector, "localiser") == {"localiser"}
    assert moved_by(built(tune_generator=False), "encoder") == {"encoder"}


def test_the_critic_takes_as_many_turns_as_the_configuration_says():
    names = [name for name, _ in turns(built(critic_steps=3), "gan")]
    assert names == ["critic"] * 3 + ["generator"]


@pytest.mark.parametrize("stage", ["encoder", "localiser"])
def test_frozen_networks_keep_their_running_statistics(stage):
    detector = built(tune_generator=False)
    frozen = {"encoder": ["generator"], "localiser": ["generator", "encoder"]}[stage]
    before = {part: {k: v.clone() for k, v in getattr(detector, part).state_dict().items()}
              for part in frozen}  # fmt: skip
    list(turns(detector, stage))
    for part in frozen:
        state = getattr(detector, part).state_dict()
        assert all(torch.equal(state[k], v) for k, v in before[part].items()), part


def test_the_restored_film_is_the_film_where_it_is_healthy():
    detector = built().eval()
    torch.nn.init.constant_(detector.localiser.head.bias, -30.0)
    with torch.inference_mode():
        restored = detector.evidence(batch()).reconstruction
    assert torch.allclose(restored, batch(), atol=1e-5)


@pytest.mark.parametrize("shares", [{"lesion": 1.0}, {"gan": 1.0}, {"lesion": 0.75, "gan": 0.25}])
def test_the_map_joins_those_of_what_makes_the_score(shares):
    fusion = tuple(shares.items())
    detector = fit(built(fusion=fusion), blobs(24), epochs=3, batch_size=8, device="cpu")
    films = detector.as_batch(blobs(3, seed=1))
    with torch.inference_mode():
        pixels = detector.evidence(films).pixels
    expected = 0.0
    for index, name in enumerate(detector.components):
        deviations = (pixels[name] - detector.pixel_mean[index]) / detector.pixel_std[index]
        expected = expected + shares.get(name, 0.0) * deviations.numpy()
    assert np.allclose(detector.predict(films).anomaly_map, expected, atol=1e-4)


def test_quick_training_is_as_many_steps_however_many_films_and_less_on_large_ones():
    def steps(side, each):
        config = GanLocaliserConfig.preset("quick", (side, side), FILMS)
        return GanLocaliser.epochs_for("quick", config, each) * each

    assert steps(96, 100) == steps(96, 50) == 1200
    assert steps(192, 100) == 300
    assert steps(96, 4) == 160  # but no film is seen more than 40 times


def test_epochs_are_shared_by_three_stages_in_order():
    training = Training(built(), blobs(16), TrainOptions(epochs=10, batch_size=8, progress=False))
    assert training.stage_epochs == [1, 3, 6]
    training.run()
    assert list(dict.fromkeys(line["stage"] for line in training.log)) == [
        "gan", "encoder", "localiser"]  # fmt: skip
    assert all(np.isfinite(v) for line in training.log for v in line.values()
               if isinstance(v, float))  # fmt: skip
