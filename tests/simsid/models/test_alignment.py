"""Alignment: from the identity to the canonical pose and back, and what counts as body."""

import torch

from simsid.models.alignment import (
    AffineNet,
    alignment_losses,
    body_mask,
    compose,
    identity,
    in_sight,
    inverse,
    warp,
)


def film(size=64):
    """A bright body with one brighter spot off the middle, softly bounded."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
    body = torch.sigmoid(20 * (0.7 - (x.square() + y.square()).sqrt()))
    spot = torch.exp(-((x - 0.3).square() + (y + 0.2).square()) / 0.02)
    return (0.6 * body + 0.4 * spot)[None, None]


def moved(shift=0.15, size=1.1):
    return torch.tensor([[[size, 0.05, shift], [-0.05, size, -shift]]])


def test_before_training_alignment_is_the_identity():
    films = torch.rand(3, 1, 64, 64)
    theta = AffineNet(4).eval()(films)
    assert torch.equal(theta, identity(3, films))
    assert torch.allclose(warp(films, theta), films, atol=1e-5)


def test_warping_back_undoes_warping():
    there = warp(film(), moved())
    back = warp(there, inverse(moved()))
    middle = (..., slice(16, 48), slice(16, 48))
    assert (back - film())[middle].abs().max() < 0.05
    assert (there - film())[middle].abs().max() > 0.2


def test_a_map_goes_back_to_where_the_film_has_it():
    """A mark on the film, found on the aligned film, is told at the mark."""
    mark = torch.zeros(1, 1, 64, 64)
    mark[..., 20:24, 40:44] = 1
    back = warp(warp(mark, moved()), inverse(moved()), "zeros")
    row, col = divmod(int(back.flatten().argmax()), 64)
    assert 19 <= row <= 24 and 39 <= col <= 44


def test_composed_maps_are_those_maps_in_turn():
    theta = moved().repeat(2, 1, 1)
    assert torch.allclose(compose(theta, inverse(moved())), identity(2, theta), atol=1e-6)
    twice = warp(warp(film(), moved()), moved(0.1, 0.9))
    once = warp(film(), compose(moved(), moved(0.1, 0.9)))
    assert (twice - once)[..., 8:56, 8:56].abs().max() < 0.1


def test_warping_keeps_brightness():
    flat = torch.full((1, 1, 32, 32), 0.4)
    assert torch.allclose(warp(flat, moved(0.3, 1.25)), flat)


def test_places_beyond_the_film_are_out_of_sight():
    assert in_sight(identity(1, film()), (8, 8)).all()
    seen = in_sight(torch.tensor([[[1.0, 0, 0.5], [0, 1.0, 0]]]), (8, 8))[0, 0]
    assert seen[:, :6].all() and not seen[:, 6:].any()  # a quarter lies beyond the right edge


def test_the_network_learns_to_bring_films_to_the_canonical_pose():
    torch.manual_seed(0)
    net, canonical = AffineNet(8), film()
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    shifts = torch.linspace(-0.2, 0.2, 8)
    films = torch.cat([warp(canonical, moved(float(s), 1.0)) for s in shifts])

    def apart():
        aligned = warp(films, net(films))
        return alignment_losses(aligned, canonical, lambda x: [x])

    before = {name: value.item() for name, value in apart().items()}
    for _ in range(60):
        optimiser.zero_grad()
        sum(apart().values()).backward()
        optimiser.step()
    for name, value in apart().items():
        assert value.item() < 0.5 * before[name], name


def test_the_body_is_masked_and_its_dark_lungs_are_not():
    canonical = film()
    canonical[..., 28:34, 20:26] = 0  # a hole in the body
    mask = body_mask(canonical, 10 / 255)
    assert not mask[0, 0] and mask[32, 32] and mask[30, 22]
    assert 0.3 < mask.float().mean() < 0.8


def test_a_film_without_a_body_is_kept_whole():
    dots = torch.zeros(1, 1, 48, 48)
    dots[..., 4:12, 4:12] = dots[..., 20:28, 30:40] = 1
    assert body_mask(dots, 10 / 255).all()
    assert body_mask(torch.zeros(1, 1, 8, 8), 10 / 255).all()
