"""MNAD's memory and losses, by hand."""

import torch
import torch.nn.functional as F

from simsid.models.mnad import (
    FollowingMemory,
    MemoryGuidedAutoencoder,
    compactness_loss,
    separateness_loss,
)


def memory_of(*slots, scale=10.0):
    memory = FollowingMemory(len(slots), len(slots[0]), scale)
    memory.slots.copy_(torch.tensor(slots))
    return memory


def test_reading_is_the_mean_of_slots_weighted_by_similarity():
    memory = memory_of([1.0, 0.0], [0.0, 1.0], scale=2.0)
    share = torch.tensor([2.0, 0.0]).softmax(0)
    assert torch.allclose(memory(torch.tensor([[1.0, 0.0]])), share[None], atol=1e-6)


def test_distances_are_to_the_nearest_and_the_second_nearest_slot():
    memory = memory_of([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0])
    first, second = memory.nearest(torch.tensor([[1.0, 0.0], [-0.6, 0.8]]))
    assert torch.allclose(first, torch.tensor([0.0, 0.4]), atol=1e-6)
    assert torch.allclose(second, torch.tensor([2.0, 0.8]), atol=1e-6)


def test_a_slot_follows_the_queries_nearest_to_it_and_no_others():
    memory = memory_of([1.0, 0.0], [0.0, -1.0])
    query = F.normalize(torch.tensor([[1.0, 1.0]]), dim=-1)
    memory.follow(query)
    assert torch.allclose(memory.slots[0], F.normalize(torch.tensor([1.0, 0.0]) + query[0], dim=0))
    assert memory.slots[1].tolist() == [0.0, -1.0]


def test_the_nearest_query_weighs_one_and_others_less():
    memory = memory_of([1.0, 0.0], [-1.0, 0.0])
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    memory.follow(queries)
    share = torch.tensor([1.0, 0.0]).softmax(0)
    moved = torch.tensor([2.0, float(share[1] / share[0])])
    assert torch.allclose(memory.slots[0], F.normalize(moved, dim=0), atol=1e-6)


def test_slots_get_no_gradient():
    network = MemoryGuidedAutoencoder((4, 8), slot_dim=6, num_slots=3, scale=10.0)
    rebuilt, queries = network(torch.rand(2, 1, 16, 8))
    assert rebuilt.shape == (2, 1, 16, 8)
    assert queries.shape == (2 * 4 * 2, 6)
    assert torch.allclose(queries.norm(dim=1), torch.ones(16), atol=1e-5)
    rebuilt.mean().backward()
    assert "memory.slots" not in dict(network.named_parameters())
    assert network.to_query.weight.grad.abs().sum() > 0


def test_losses_pull_to_the_nearest_slot_and_part_it_from_the_second():
    nearest, second = torch.tensor([0.25, 0.0]), torch.tensor([0.64, 3.0])
    assert torch.isclose(compactness_loss(nearest, 16), torch.tensor(0.125 / 16))
    # Distances 0.5 and 0.8 fall short of the margin by 0.7; 0 and 1.7 keep it.
    assert torch.isclose(separateness_loss(nearest, second, 1.0), torch.tensor(0.35))


def test_a_query_on_its_slot_has_a_gradient_that_is_finite():
    nearest = torch.zeros(2, requires_grad=True)
    separateness_loss(nearest, torch.full((2,), 0.5)).backward()
    assert torch.isfinite(nearest.grad).all()
