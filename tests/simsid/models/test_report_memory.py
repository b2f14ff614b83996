"""The report's memories: what they store, what they answer, how they grow."""

import pytest
import torch

from simsid.models.report import HierarchicalMemory, SpaceAwareMemory


def unit(*values: float) -> torch.Tensor:
    return torch.tensor(values)[None, None]


@pytest.fixture
def filled() -> SpaceAwareMemory:
    memory = SpaceAwareMemory(6, 4)
    memory.update(torch.eye(4)[None] * torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None], torch.arange(4))
    return memory.eval()


def test_memory_starts_at_zero_and_answers_nothing():
    read = SpaceAwareMemory(6, 4)(torch.randn(2, 3, 4), top_k=2)
    assert (read.features == 0).all()


def test_first_feature_of_a_location_is_stored():
    memory = SpaceAwareMemory(3, 2)
    memory.update(unit(0.5, 1.0), torch.tensor([1]))
    assert memory.memory.tolist() == [[0, 0], [0.5, 1.0], [0, 0]]


def test_only_a_feature_below_the_similarity_threshold_replaces_the_old_one():
    memory = SpaceAwareMemory(1, 2, similarity_threshold=0.8)
    here = torch.tensor([0])
    memory.update(unit(1.0, 0.0), here)
    memory.update(unit(9.0, 1.0), here)  # cosine 0.99
    assert memory.memory.tolist() == [[1.0, 0.0]]
    memory.update(unit(1.0, 1.0), here)  # cosine 0.71
    assert memory.memory.tolist() == [[1.0, 1.0]]


def test_images_of_a_batch_take_turns():
    together, apart = SpaceAwareMemory(5, 3, 0.7), SpaceAwareMemory(5, 3, 0.7)
    features, here = torch.randn(8, 5, 3), torch.arange(5)
    together.update(features, here)
    for feature in features:
        for location in here:
            apart.update(feature[None, location, None], location[None])
    assert torch.equal(together.memory, apart.memory)


def test_exactly_top_k_blocks_are_summed(filled):
    query = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    read = filled(query, top_k=2)
    assert read.blocks.tolist() == [[[3, 2]]]
    assert read.features.tolist() == [[[0, 0, 3.0, 4.0]]]
    assert (filled(query, top_k=3).features != 0).sum() == 3


def test_empty_blocks_are_not_chosen_before_filled_ones_of_negative_score(filled):
    read = filled(-torch.ones(1, 1, 4), top_k=4)
    assert sorted(read.blocks.flatten().tolist()) == [0, 1, 2, 3]


def test_gumbel_noise_changes_the_choice_in_training_and_never_in_evaluation(filled):
    query = torch.zeros(200, 1, 4)
    assert len(filled(query, top_k=1).blocks.unique()) == 1
    filled.train()
    assert len(filled(query, top_k=1).blocks.unique()) == 4


def test_choices_follow_the_gumbel_softmax_probabilities(filled):
    filled.train()
    torch.manual_seed(0)
    query = torch.tensor([0.0, 0.0, 0.0, 0.25]).expand(4000, 1, 4)  # scores 0, 0, 0, 1
    share = (filled(query, top_k=1).blocks == 3).float().mean()
    expected = torch.tensor([0.0, 0.0, 0.0, 1.0]).softmax(0)[3]
    assert float(share) == pytest.approx(float(expected), abs=0.03)


def test_reading_is_float32_under_autocast(filled):
    with torch.autocast("cpu", torch.bfloat16):
        assert filled(torch.randn(1, 2, 4), top_k=2).features.dtype == torch.float32


def test_memory_takes_no_gradient(filled):
    features = torch.randn(1, 4, 4, requires_grad=True)
    filled.update(features, torch.arange(4))
    assert not filled.memory.requires_grad
    assert not list(filled.parameters())


def test_levels_hold_features_block_means_and_maximum():
    memory = HierarchicalMemory(9, 2)
    features = torch.arange(18.0).reshape(1, 9, 2) + 1
    memory.store(features, (3, 3))
    grid = features.reshape(3, 3, 2)
    assert torch.equal(memory.levels[0].memory, features[0])
    expected = [grid[:2, :2].mean((0, 1)), grid[:2, 2].mean(0), grid[2, :2].mean(0), grid[2, 2]]
    assert torch.allclose(memory.levels[1].memory[:4], torch.stack(expected))
    assert torch.equal(memory.levels[2].memory[0], features[0, -1])
    assert (memory.levels[2].memory[1:] == 0).all()


def test_answers_of_all_levels_are_concatenated():
    memory = HierarchicalMemory(4, 3).eval()
    features = torch.randn(2, 4, 3)
    memory.store(features, (2, 2))
    answer = memory(features, top_k=2)
    assert answer.shape == (2, 4, 9)
    assert torch.equal(answer[..., 3:6], memory.levels[1](features, 2).features)


def test_memory_grows_to_the_largest_location_and_keeps_what_it_held():
    memory = HierarchicalMemory(4, 3)
    memory.store(torch.randn(1, 4, 3), (2, 2))
    held = memory.levels[0].memory.clone()
    memory.adjust_memory(torch.tensor([2, 6]))
    assert memory.current_blocks == 7
    assert {len(level.memory) for level in memory.levels} == {7}
    assert torch.equal(memory.levels[0].memory[:4], held)
    memory.adjust_memory(torch.tensor([3]))
    assert memory.current_blocks == 7


def test_grown_memory_survives_strict_loading_into_one_that_did_not_grow():
    grown, fresh = HierarchicalMemory(2, 3).eval(), HierarchicalMemory(2, 3).eval()
    features = torch.randn(2, 9, 3)
    grown.store(features, (3, 3))
    fresh.load_state_dict(grown.state_dict(), strict=True)
    assert fresh.current_blocks == 9
    assert torch.equal(fresh(features, 2), grown(features, 2))


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_threshold_that_could_store_nothing_is_refused(threshold):
    with pytest.raises(ValueError, match="similarity_threshold"):
        SpaceAwareMemory(2, 2, threshold)


def test_more_levels_than_the_report_defines_are_refused():
    with pytest.raises(ValueError, match="3 levels"):
        HierarchicalMemory(2, 2, num_levels=4)
