import torch

from simsid.training.loop import balanced_order


def test_populations_take_turns_and_the_smaller_one_is_seen_more_often():
    populations = torch.tensor([0] * 90 + [1] * 10)
    order = balanced_order(populations, torch.Generator().manual_seed(0))
    assert len(order) == 100
    assert populations[order].tolist() == [0, 1] * 50
    small = torch.bincount(order[populations[order] == 1] - 90)
    assert small.tolist() == [5] * 10
    large = order[populations[order] == 0]
    assert len(large.unique()) == 50  # no film twice while others wait
