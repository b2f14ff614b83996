"""Coreset, nearest neighbours and re-weighting against the plain definitions."""

import pytest
import torch

from simsid.models import coreset
from simsid.models.coreset import greedy_coreset, nearest, reweighted


def points(count, dim, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_coreset_is_greedy_k_center():
    features = points(60, 5)
    chosen = greedy_coreset(features, 10, projected_dim=5).tolist()
    for step in range(1, 10):
        to_chosen = torch.cdist(features, features[chosen[:step]]).amin(1)
        assert to_chosen[chosen[step]] == pytest.approx(float(to_chosen.max()), rel=1e-5)


def test_coreset_covers_better_than_chance():
    features = torch.cat([points(500, 8), points(5, 8, seed=1) + 20])  # a few far away
    covered = torch.cdist(features, features[greedy_coreset(features, 20, 4)]).amin(1).max()
    drawn = (
        torch.cdist(
            features, features[torch.randperm(505, generator=torch.Generator().manual_seed(0))[:20]]
        )
        .amin(1)
        .max()
    )
    assert covered < 0.6 * drawn


def test_coreset_is_the_same_at_every_call_and_never_takes_one_twice():
    features = points(50, 6).repeat(4, 1)
    first = greedy_coreset(features, 100, 3)
    assert torch.equal(first, greedy_coreset(features, 100, 3))
    assert len(first.unique()) == 100


def test_all_are_chosen_where_there_are_too_few():
    assert greedy_coreset(points(4, 3), 9).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [1, 4])
def test_nearest_is_that_of_all_pairs_whatever_the_parts(count, monkeypatch):
    queries, bank = points(23, 7), points(40, 7, seed=1)
    wanted = torch.cdist(queries, bank).topk(count, 1, largest=False)
    monkeypatch.setattr(coreset, "_LARGEST", 200)  # five queries at a time
    distance, index = nearest(queries, bank, count)
    assert torch.equal(index, wanted.indices)
    assert torch.allclose(distance, wanted.values, atol=1e-5)


def test_a_stored_vector_is_at_no_distance_of_itself():
    bank = 100 + points(30, 16)
    distance, index = nearest(bank, bank)
    assert torch.equal(index[:, 0], torch.arange(30))
    assert distance.max() == 0


def test_a_small_bank_gives_fewer_neighbours():
    distance, index = nearest(points(3, 4), points(2, 4, seed=1), 5)
    assert distance.shape == index.shape == (3, 2)


def test_reweighting_by_hand():
    bank = torch.tensor([[0.0], [1.0], [10.0]])
    queries = torch.tensor([[2.0]])
    score = reweighted(torch.tensor([1.0]), queries, torch.tensor([1]), bank, neighbours=2)
    apart = torch.tensor([1.0, 2.0]).exp()  # to the nearest one and to its neighbour at 0
    assert score.item() == pytest.approx(float(1 - apart[0] / apart.sum()))


def test_one_neighbour_leaves_the_distance_as_it_is():
    distance = torch.tensor([3.0])
    assert (
        reweighted(distance, torch.zeros(1, 1), torch.tensor([0]), torch.ones(2, 1), 1) is distance
    )
