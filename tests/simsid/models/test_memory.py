import pytest
import torch
import torch.nn.functional as F

from simsid.models.memory import (
    MemoryMatrix,
    MemoryQueue,
    ReadConfig,
    all_region_similarity,
    consolidate_slots,
    cosine_similarity,
    nearest_slot_distance,
)


def numbered(count, regions=2, dim=3):
    """Features whose every entry is the number of their image."""
    return torch.arange(float(count))[:, None, None].expand(count, regions, dim).clone()


def test_queue_overwrites_oldest_slot():
    queue = MemoryQueue(2, 4, 3)
    queue.enqueue(numbered(6)[:3] + 10)
    queue.enqueue(numbered(6)[:2] + 20)
    assert queue.slots[0, :, 0].tolist() == [21, 11, 12, 20]
    assert queue.pointer == 1


def test_queue_keeps_the_last_of_a_batch_larger_than_itself():
    queue = MemoryQueue(2, 4, 3)
    queue.enqueue(numbered(10))
    assert sorted(queue.slots[1, :, 2].tolist()) == [6, 7, 8, 9]


def test_queue_goes_on_at_its_pointer_after_a_reload():
    queue = MemoryQueue(2, 4, 3)
    queue.enqueue(numbered(3))
    again = MemoryQueue(2, 4, 3)
    again.load_state_dict(queue.state_dict())
    for memory in (queue, again):
        memory.enqueue(numbered(2) + 7)
    assert torch.equal(queue.slots, again.slots)
    assert torch.equal(queue.pointer, again.pointer)


def test_queue_has_no_parameters_and_matrix_has():
    assert list(MemoryQueue(2, 4, 3).parameters()) == []
    assert [p.shape for p in MemoryMatrix(2, 4, 3).parameters()] == [(2, 4, 3)]


def test_regions_read_their_own_slots_only():
    memory = MemoryMatrix(2, 3, 4, ReadConfig(top_k=None))
    read, _ = memory(torch.randn(5, 2, 4))
    (read[:, 0].sum()).backward()
    assert memory.slots.grad[0].abs().sum() > 0
    assert memory.slots.grad[1].abs().sum() == 0


def test_a_stored_pattern_is_read_back():
    memory = MemoryQueue(1, 8, 16, ReadConfig(scale=100.0, top_k=1))
    read, weights = memory(memory.slots[:, 3:4].transpose(0, 1)[:1])
    assert torch.allclose(read[0, 0], memory.slots[0, 3], atol=1e-5)
    assert weights[0, 0].argmax() == 3


def test_gumbel_noise_acts_in_training_and_not_in_evaluation():
    memory = MemoryMatrix(1, 10, 4, ReadConfig(top_k=2, gumbel=1.0))
    query = torch.randn(1, 1, 4)
    assert any(not torch.equal(memory(query)[1], memory(query)[1]) for _ in range(5))
    memory.eval()
    assert torch.equal(memory(query)[1], memory(query)[1])


def test_top_k_larger_than_the_memory_is_refused():
    with pytest.raises(ValueError, match="num_slots = 4"):
        MemoryMatrix(1, 4, 2, ReadConfig(top_k=5))


def test_own_region_is_the_diagonal_of_all_regions():
    queries, slots = torch.randn(3, 4, 8), torch.randn(4, 5, 8)
    everywhere = all_region_similarity(queries, slots)
    own = everywhere.diagonal(dim1=1, dim2=2).permute(0, 2, 1)
    assert torch.allclose(own, cosine_similarity(queries, slots), atol=1e-6)


def test_consolidated_slots_cover_separate_clusters():
    centres = F.normalize(torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
    noise = 0.02 * torch.randn(200, 2, 16, generator=torch.Generator().manual_seed(2))
    which = torch.arange(200) % 5
    slots = consolidate_slots(centres[:, which].transpose(0, 1) + noise, 10)
    nearest = cosine_similarity(centres.transpose(0, 1), slots).max(-1).values
    assert nearest.min() > 0.99


def test_consolidated_slots_do_not_depend_on_global_random_state():
    features = torch.randn(50, 2, 8)
    first = consolidate_slots(features, 6)
    torch.manual_seed(99)
    assert torch.equal(first, consolidate_slots(features, 6))


def test_consolidation_gives_all_slots_even_from_few_features():
    assert consolidate_slots(torch.randn(3, 2, 8), 7).shape == (2, 7, 8)


def test_the_distance_to_the_nearest_slot_keeps_its_small_digits():
    slots = torch.randn(2, 5, 16)
    queries = slots[:, 2][None].clone()
    queries[0, 0, 0] += 1e-4
    exact = 1 - F.cosine_similarity(queries.double(), slots[:, 2][None].double(), dim=-1)
    ours = nearest_slot_distance(queries, slots)
    assert torch.allclose(ours.double(), exact, rtol=0.05, atol=1e-13)
    assert torch.allclose(
        nearest_slot_distance(torch.randn(4, 2, 16, generator=torch.Generator().manual_seed(0)), slots),
        1 - cosine_similarity(
            torch.randn(4, 2, 16, generator=torch.Generator().manual_seed(0)), slots
        ).max(-1).values,
        atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
def test_reading_without_weights_reads_the_same(training):
    memory = MemoryQueue(3, 20, 8, ReadConfig(top_k=4)).train(training)
    queries = torch.randn(5, 3, 8)
    assert torch.allclose(memory.read(queries), memory(queries)[0], atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_a_query_of_zeros_reads_the_first_slots_and_no_other_query_reads_otherwise(training):
    memory = MemoryQueue(3, 20, 8, ReadConfig(top_k=4)).train(training)
    queries = torch.randn(5, 3, 8, generator=torch.Generator().manual_seed(0))
    before = memory.read(queries)
    queries[2, 1] = 0
    read, (_, weights) = memory.read(queries), memory(queries)
    assert torch.allclose(read[2, 1], memory.slots[1, :4].mean(0), atol=1e-5)
    assert weights[2, 1].nonzero()[:, 0].tolist() == [0, 1, 2, 3]
    others = torch.ones(5, 3, dtype=torch.bool)
    others[2, 1] = False
    assert torch.equal(read[others], before[others])
