import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from simsid.models.shrinkage import gumbel_noise, hard_shrink, top_k_shrink


@given(slots=st.integers(1, 30), data=st.data())
def test_top_k_keeps_exactly_k_slots(slots, data):
    k = data.draw(st.integers(1, slots))
    weights = torch.rand(4, slots).add(0.01).softmax(-1)
    kept = top_k_shrink(weights, k)
    assert (kept > 0).sum(-1).tolist() == [k] * 4
    assert torch.allclose(kept.sum(-1), torch.ones(4))


def test_top_k_keeps_the_largest():
    kept = top_k_shrink(torch.tensor([0.1, 0.4, 0.2, 0.3]), 2)
    assert torch.allclose(kept, torch.tensor([0.0, 4 / 7, 0.0, 3 / 7]))


def test_top_k_passes_gradient_straight_through_to_slots_it_dropped():
    weights = torch.tensor([0.5, 0.3, 0.2], requires_grad=True)
    (top_k_shrink(weights, 1) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert weights.grad.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("k", [0, 4])
def test_top_k_outside_the_slots_is_refused(k):
    with pytest.raises(ValueError, match="3 slots"):
        top_k_shrink(torch.rand(3), k)


def test_hard_shrink_drops_small_weights_and_renormalises():
    shrunk = hard_shrink(torch.tensor([0.7, 0.2, 0.1]), 0.15)
    assert torch.allclose(shrunk, torch.tensor([7 / 9, 2 / 9, 0.0]))


def test_hard_shrink_leaves_a_row_that_would_lose_everything():
    weights = torch.full((4,), 0.25)
    assert torch.equal(hard_shrink(weights, 0.5), weights)


def test_gumbel_noise_is_drawn_and_has_the_gumbel_mean():
    noise = gumbel_noise(torch.zeros(200_000), torch.Generator().manual_seed(0))
    assert noise.std() > 1
    assert abs(noise.mean().item() - 0.5772) < 0.02
    assert torch.isfinite(noise).all()
