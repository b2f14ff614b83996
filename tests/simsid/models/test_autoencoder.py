"""The baselines' networks."""

import math

import pytest
import torch

from simsid.models.autoencoder import Autoencoder, MemoryAutoencoder, addressing_entropy
from simsid.models.memory import ReadConfig

NARROW = (4, 4, 8)


def test_autoencoder_squeezes_the_image_through_one_vector():
    network = Autoencoder((32, 48), NARROW, latent_dim=5)
    seen = []
    network.to_latent.register_forward_hook(lambda _, __, latent: seen.append(latent))
    assert network(torch.rand(2, 1, 32, 48)).shape == (2, 1, 32, 48)
    assert seen[0].shape == (2, 5)


def test_image_that_cannot_be_halved_often_enough_is_refused():
    with pytest.raises(ValueError, match="multiple of 8 px"):
        Autoencoder((36, 32), NARROW)


def test_memory_autoencoder_rebuilds_each_position_from_the_one_shared_memory():
    network = MemoryAutoencoder(NARROW, 6, 10, ReadConfig(10.0, None, 0.2)).eval()
    image, query, read, weights = network(torch.rand(2, 1, 32, 16))
    assert image.shape == (2, 1, 32, 16)
    assert query.shape == read.shape == (2, 6, 4, 2)
    assert weights.shape == (2 * 4 * 2, 10)
    position = weights[3] @ network.memory.slots[0]  # second row, second column of image 0
    assert torch.allclose(position, read[0, :, 1, 1], atol=1e-5)


def test_hard_shrinkage_leaves_few_slots():
    network = MemoryAutoencoder(NARROW, 6, 50, ReadConfig(10.0, None, 2 / 50)).eval()
    weights = network(torch.rand(2, 1, 32, 32))[-1]
    assert ((weights == 0) | (weights > 2 / 50)).all()
    assert torch.allclose(weights.sum(-1), torch.ones(len(weights)))


def test_entropy_is_zero_for_one_slot_and_log_n_for_all():
    assert addressing_entropy(torch.eye(4)) == 0
    assert addressing_entropy(torch.full((3, 4), 0.25)) == pytest.approx(math.log(4))
