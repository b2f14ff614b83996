"""Painted lesions, and the networks that learn to find them."""

import dataclasses

import pytest
import torch

from simsid.models.lesions import (
    LesionBranch,
    LesionNetwork,
    cells_to_regions,
    centred,
    check_cells,
    excess_probability,
    normal_levels,
    normal_scores,
    paint_lesions,
)
from simsid.models.variation import VariationRange, draw_variation

STILL = VariationRange(*(0.0 for _ in dataclasses.fields(VariationRange)))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def films():
    """Dark left and right halves ('lungs') in brighter tissue, each film a little different."""
    films = torch.full((6, 1, 64, 64), 0.7) + 0.05 * torch.randn(6, 1, 1, 1)
    films[:, :, 12:52, 8:28] = 0.2
    films[:, :, 12:52, 36:56] = 0.2
    return (films + 0.02 * torch.rand_like(films)).clamp(0, 1)


def test_painted_films_stay_films_and_the_change_is_told_exactly(films):
    painted, change = paint_lesions(films)
    assert painted.shape == change.shape == films.shape
    assert painted.min() >= 0 and painted.max() <= 1
    assert torch.allclose(change, (painted - films).abs())
    assert (change.amax((1, 2, 3)) > 0.01).all()


def test_an_opacity_hardly_ever_darkens(films):
    painted, _ = paint_lesions(films, graft_share=0.0)
    assert (painted - films).min() > -0.1
    assert (painted - films).max() > 0.1


def test_a_lesion_is_local(films):
    _, change = paint_lesions(films)
    assert (change < 0.01).float().mean() > 0.3


def test_painting_follows_the_seed(films):
    torch.manual_seed(3)
    first, _ = paint_lesions(films)
    torch.manual_seed(3)
    assert torch.equal(first, paint_lesions(films)[0])
    assert not torch.equal(first, paint_lesions(films)[0])


def test_no_variation_leaves_a_film_as_it_is(films):
    drawn = draw_variation(films, STILL)
    assert torch.allclose(drawn.expose(drawn.move(films)), films, atol=1e-4)


def test_two_versions_of_a_film_are_varied_alike(films):
    drawn = draw_variation(films, VariationRange(noise=0.0))
    first, second = (drawn.expose(drawn.move(films)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.allclose(first, films, atol=0.05)


def test_a_map_moves_with_its_film(films):
    drawn = draw_variation(films, VariationRange(shift=0.4))
    mask = (films > 0.5).float()
    moved_mask, moved_film = drawn.move(mask), drawn.move(films)
    agree = (moved_mask > 0.5) == (moved_film > 0.45)
    assert agree.float().mean() > 0.95


def test_exposure_and_contrast_drop_out_of_the_logits(films):
    network = LesionNetwork(4).eval()
    logits, features = network(films)
    assert logits.shape == (6, 1, 4, 4) and features.shape == (6, 16, 4, 4)
    assert torch.allclose(network(films * 0.6 + 0.1)[0], logits, atol=0.02)


def test_the_branch_learns_to_tell_painted_films(films):
    branch = LesionBranch(8, members=1, decay=0.9)
    optimiser = torch.optim.AdamW(branch.learners.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        branch.train()
        loss = branch.loss(films, VariationRange())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        branch.follow()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    branch.eval()
    painted, _ = paint_lesions(films)
    assert branch(painted)[0].mean() > branch(films)[0].mean()


def test_scores_are_read_from_running_means_which_no_gradient_moves(films):
    branch = LesionBranch(4, members=2, decay=0.9)
    start = {name: value.clone() for name, value in branch.averages.state_dict().items()}
    branch.train()
    branch.loss(films, VariationRange()).backward()
    assert all(parameter.grad is None for parameter in branch.averages.parameters())
    assert all(torch.equal(start[k], v) for k, v in branch.averages.state_dict().items())
    with torch.no_grad():
        for parameter in branch.learners.parameters():
            parameter.add_(1.0)
    branch.follow()
    moved = branch.averages.state_dict()["0.head.weight"] - start["0.head.weight"]
    assert (moved > 0).all() and (moved < 1).all()


def test_regions_are_means_of_their_cells():
    cells = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert cells_to_regions(cells, (2, 2))[0, :, 0].tolist() == [2.5, 4.5, 10.5, 12.5]


def test_films_that_are_not_whole_cells_are_refused():
    check_cells((64, 128))
    with pytest.raises(ValueError, match="multiples of 16 px"):
        check_cells((64, 100))


def test_normal_scores_of_normals_are_standard_normal_in_every_cell():
    logits = torch.randn(4000, 2, 3) * torch.tensor([1.0, 5.0, 0.2]) - 4
    scores = normal_scores(logits, normal_levels(logits, 65))
    assert scores.mean(0).abs().max() < 0.05
    assert (scores.std(0) - 1).abs().max() < 0.08


def test_normal_scores_rise_with_the_logit_and_are_bounded():
    levels = normal_levels(torch.randn(200, 1, 1), 65)
    scores = normal_scores(torch.linspace(-9, 9, 50)[:, None, None], levels)[:, 0, 0]
    assert (scores.diff() >= 0).all()
    assert torch.isclose(scores[0], -scores[-1], atol=1e-3) and 3 < scores[-1] < 3.2


def test_cells_where_all_normals_are_alike_give_finite_scores():
    levels = normal_levels(torch.zeros(20, 1, 1), 65)
    assert torch.isfinite(
        normal_scores(torch.tensor([-1.0, 0.0, 1.0])[:, None, None], levels)
    ).all()


def test_centring_takes_a_share_of_the_films_own_median_cell():
    logits = torch.tensor([[[1.0, 2.0], [4.0, 9.0]], [[-3.0, -1.0], [-1.0, 7.0]]])  # medians 3, -1
    told = centred(logits, 0.5)
    assert torch.equal(told, logits - torch.tensor([1.5, -0.5])[:, None, None])
    assert torch.equal(centred(logits, 0.0), logits)
    odd = torch.tensor([[[5.0, -2.0, 8.0]]])
    assert torch.equal(centred(odd, 1.0), odd - 5.0)


def test_a_shift_of_the_whole_film_goes_with_full_centring():
    logits = torch.randn(3, 4, 4)
    assert torch.allclose(centred(logits + 7.0, 1.0), centred(logits, 1.0), atol=1e-5)


def test_a_cell_that_hardly_varies_does_not_outshine_a_likely_lesion():
    steady = torch.linspace(-6.0, -5.9, 65)[:, None, None]  # a border of the film
    restless = torch.linspace(-6.0, 0.0, 65)[:, None, None]  # a lung
    levels = torch.cat([steady, restless], 2)
    film = torch.tensor([[[-5.0, 2.0]]])
    border, lung = excess_probability(film, levels)[0, 0].tolist()
    assert lung == pytest.approx(torch.sigmoid(torch.tensor(2.0)).item() - 0.0474, abs=1e-3)
    assert 0 < border < 0.01 < lung
