import pytest
import torch

from simsid.models.localiser import Localiser, localiser_losses, make_unhealthy


def films(count=32, size=32):
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(count, 1, 4, 4), size=size, mode="bilinear")
    return smooth * 0.6 + 0.2


def test_where_the_logit_is_nought_half_of_the_film_is_the_restoration():
    batch, rebuilt = films(2), films(4)[2:]
    network = Localiser((4, 8))
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    _, restored = network(batch, rebuilt)
    assert torch.allclose(restored, (batch + rebuilt) / 2, atol=1e-6)


@pytest.mark.parametrize("size", [(32, 32), (48, 32)])
def test_outputs_are_as_large_as_the_films(size):
    batch = torch.rand(2, 1, *size)
    logits, restored = Localiser((4, 8, 8))(batch, batch)
    assert logits.shape == restored.shape == batch.shape


def test_lesions_are_where_the_truth_says_and_some_films_stay_healthy():
    batch = films(64)
    torch.manual_seed(1)
    made, truth = make_unhealthy(batch)
    change = (made - batch).abs()
    assert change[truth == 0].max() < 0.1  # blurred by a pixel
    assert change[truth > 0.99].min() >= 0
    assert change[truth > 0.99].mean() > 0.06
    healthy = (change.amax((1, 2, 3)) == 0).float().mean()
    assert 0.1 < healthy < 0.45
    assert truth.min() >= 0 and truth.max() <= 1


def test_the_same_seed_makes_the_same_lesions():
    torch.manual_seed(3)
    first, _ = make_unhealthy(films(4))
    torch.manual_seed(3)
    assert not torch.equal(first, films(4))
    batch = films(4)
    torch.manual_seed(5)
    first, _ = make_unhealthy(batch)
    torch.manual_seed(5)
    second, _ = make_unhealthy(batch)
    assert torch.equal(first, second)


def test_a_perfect_answer_costs_next_to_nothing_and_a_wrong_one_more():
    truth = torch.zeros(2, 1, 16, 16)
    truth[:, :, 4:8, 4:8] = 1
    healthy = torch.full_like(truth, 0.5)
    right = localiser_losses(20 * (truth - 0.5) * 2, healthy, truth, healthy)
    wrong = localiser_losses(20 * (0.5 - truth) * 2, healthy + 0.2, truth, healthy)
    assert float(right["loss"]) < 0.01
    assert all(wrong[name] > right[name] for name in ("entropy", "dice", "restoration"))


def test_it_learns_to_find_a_bright_spot():
    torch.manual_seed(0)
    network = Localiser((8, 16))
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(40):
        batch = films(8, 16)
        truth = torch.zeros_like(batch)
        row, col = torch.randint(0, 12, (2,)).tolist()
        truth[:, :, row : row + 4, col : col + 4] = 1
        logits, restored = network(batch + 0.3 * truth, batch)
        loss = localiser_losses(logits, restored, truth, batch)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert logits[truth == 1].mean() > logits[truth == 0].mean() + 1
