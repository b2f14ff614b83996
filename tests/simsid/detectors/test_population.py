from __future__ import annotations

import pytest
import torch

from simsid.detectors.findings import ANOTHER
from simsid.detectors.placement import shrink
from simsid.detectors.population import PopulationCheck
from simsid.models.film_features import NUM_FEATURES, film_features, mirror_symmetry
from tests.simsid.two_populations import thoraces


@pytest.fixture(scope="module")
def check() -> PopulationCheck:
    check = PopulationCheck()
    films = torch.cat([thoraces(100, 0.35, 0), thoraces(100, 0.6, 1)])
    check.fit(films, torch.arange(2).repeat_interleave(100))
    return check


def test_each_film_is_compared_with_the_population_that_it_looks_like(check):
    assert check.num_populations == 2
    assert (check.nearest(thoraces(50, 0.35, 2)) == 0).all()
    assert (check.nearest(thoraces(50, 0.6, 3)) == 1).all()


def test_own_normals_pass_and_another_population_is_found(check):
    own = check.findings(torch.cat([thoraces(100, 0.35, 4), thoraces(100, 0.6, 5)]))
    assert sum(map(bool, own)) <= 10
    strangers = check.findings(thoraces(50, 0.45, 6).transpose(2, 3))
    assert all(found for found in strangers)
    assert {found[0].severity for found in strangers} <= {ANOTHER, "refuse"}


def test_a_recalibrated_model_does_not_ask_to_be_recalibrated_again(check):
    films = thoraces(20, 0.45, 6).transpose(2, 3)

    def said(own_normals: int) -> set[str]:
        found = check.findings(films, own_normals)
        return {f[0].message for f in found if f[0].severity == ANOTHER}

    (first,) = said(0)
    assert "of another source, a lateral view, or changed as a whole by disease" in first
    assert "If your films are mostly like it, recalibrate on normals of its source" in first
    assert "; " not in first  # in a table, what a decoder noticed stands behind that
    (now,) = said(40)
    assert "differs from the 40 normals too" in now and "Look at the film" in now
    assert "ecalibrate on" not in now


def test_exposure_and_contrast_make_no_other_population(check):
    films = thoraces(100, 0.35, 7)
    dim = check.findings(0.2 + 0.5 * films)
    assert sum(map(bool, dim)) <= 10
    assert torch.allclose(film_features(films), film_features(0.2 + 0.5 * films), atol=1e-4)


def test_a_film_without_a_mirror_image_is_refused_as_not_frontal(check):
    films = torch.linspace(0, 1, 96).expand(3, 1, 96, 96).clone()
    assert (mirror_symmetry(films) < 0).all() and (mirror_symmetry(thoraces(5, 0.4, 0)) > 0.8).all()
    assert {(f[0].code, f[0].severity) for f in check.findings(films)} == {
        ("not_frontal", "refuse")
    }


def test_a_film_and_its_small_copy_look_the_same():
    films = torch.nn.functional.interpolate(thoraces(4, 0.4, 9), (192, 192), mode="bilinear")
    assert torch.allclose(film_features(films), film_features(shrink(films)), atol=1e-5)


def test_too_few_normals_of_one_population_leave_it_unfitted():
    check = PopulationCheck()
    films = torch.cat([thoraces(70, 0.35, 0), thoraces(20, 0.6, 1)])
    check.fit(films, torch.tensor([0] * 70 + [1] * 20))
    assert check.num_populations == 0 and check.findings(films[:2]) == [[], []]
    assert check.nearest(films[:2]).tolist() == [0, 0]


def test_limits_widen_for_normals_of_a_new_source_and_never_shrink(check):
    import copy

    own = copy.deepcopy(check)
    films = thoraces(40, 0.45, 8).transpose(2, 3)
    before = own.limit.clone()
    assert sum(map(bool, own.findings(films))) > 4
    own.set_limits(films)
    assert (own.limit >= before).all() and (own.distances(films).amin(1) > 1).sum() <= 2


def hazy(films: torch.Tensor, seed: int) -> torch.Tensor:
    """The same with one lung field whitened, as by a large pneumonia."""
    rng = torch.Generator().manual_seed(seed)
    cols = torch.linspace(-1, 1, films.shape[3])
    side = torch.where(torch.rand(len(films), 1, generator=rng) < 0.5, -1.0, 1.0)
    veil = torch.sigmoid(12 * side * cols[None])[:, None, None]
    return films + veil * (0.6 - films).clamp_min(0) * 0.8


def test_disease_does_not_move_a_film_to_another_population(check):
    assert (check.nearest(hazy(thoraces(60, 0.35, 21), 3)) == 0).float().mean() >= 0.95
    assert (check.nearest(hazy(thoraces(60, 0.6, 22), 4)) == 1).float().mean() >= 0.95


def test_a_film_counts_for_a_population_only_within_its_limit(check):
    films = thoraces(80, 0.47, 11)
    distances = check.distances(films)
    inside = distances <= 1
    one = inside.sum(1) == 1
    assert one.any()
    assert torch.equal(check.nearest(films)[one], inside[one].int().argmax(1))
    none = ~inside.any(1)
    assert torch.equal(check.nearest(films)[none], distances[none].argmin(1))


def test_one_population_and_a_check_of_before_have_no_discriminant(check):
    alone = PopulationCheck()
    alone.fit(thoraces(80, 0.35, 0), torch.zeros(80, dtype=torch.long))
    assert alone.num_populations == 1 and not len(alone.direction)
    import copy

    again = copy.deepcopy(check)
    again.fit(thoraces(80, 0.35, 0), torch.zeros(80, dtype=torch.long))
    assert again.num_populations == 1 and not len(again.direction) and not len(again.offset)
    before = copy.deepcopy(check)
    before.direction, before.offset = before.direction[:0], before.offset[:0]
    films = torch.cat([thoraces(20, 0.35, 2), thoraces(20, 0.6, 3)])
    assert torch.equal(before.nearest(films), before.distances(films).argmin(1))
    limits = before.limit.clone()
    kinds = torch.arange(2).repeat_interleave(100)
    before.learn_to_tell_apart(torch.cat([thoraces(100, 0.35, 0), thoraces(100, 0.6, 1)]), kinds)
    assert torch.equal(before.limit, limits)
    assert torch.allclose(before.direction, check.direction)


def test_the_discriminant_is_fishers():
    """Two populations that differ in one feature: its threshold lies halfway."""
    from simsid.detectors.population.discriminant import linear_discriminant

    rng = torch.Generator().manual_seed(0)
    low, high = torch.randn(2, 4000, NUM_FEATURES, generator=rng)
    high[:, 7] += 2
    direction, offset = linear_discriminant([low, high])
    across = direction[1] - direction[0]
    assert across.abs().argmax() == 7 and across[7] == pytest.approx(2, abs=0.15)
    assert (offset[0] - offset[1]) / across[7] == pytest.approx(1, abs=0.1)
