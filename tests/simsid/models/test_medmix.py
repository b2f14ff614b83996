"""MedMix in training: the same lesions as the generator's, for a batch."""

import dataclasses

import numpy as np
import pytest
import torch

import synth.medmix
from simsid.models.medmix import MOST_LESIONS, MedMixRange, medmix
from synth.medmix import MedMixConfig


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def films():
    """Dark left and right halves in brighter tissue, each film a little different."""
    films = torch.full((16, 1, 64, 48), 0.7) + 0.05 * torch.randn(16, 1, 1, 1)
    films[:, :, 10:54, 6:20] = 0.25
    films[:, :, 10:54, 28:42] = 0.25
    return (films + 0.04 * torch.rand_like(films)).clamp(0, 1)


def test_both_medmixes_have_the_same_numbers():
    assert dataclasses.asdict(MedMixRange()) == dataclasses.asdict(MedMixConfig())
    assert MOST_LESIONS == synth.medmix.MOST_LESIONS


def test_both_medmixes_look_alike(films):
    count, rng = 400, np.random.default_rng(0)
    many = films.repeat(25, 1, 1, 1)
    mixed, where = medmix(many, torch.ones(count, dtype=torch.long))
    ours = where.float().mean().item(), (mixed - many)[where].abs().mean().item()
    pictures = (films[:, 0].numpy() * 255).round().astype(np.uint8)
    areas, changes = [], []
    for number in range(count):
        film, other = pictures[number % 16], pictures[(number + 1) % 16]
        image, mask, _ = synth.medmix.medmix(film, [other], 1, rng)
        areas.append(mask.mean())
        changes.append(np.abs(image[mask] / 255.0 - film[mask] / 255.0))
    theirs = np.mean(areas), np.concatenate(changes).mean()
    assert np.allclose(ours, theirs, rtol=0.15)


def test_a_film_with_no_lesions_is_untouched_and_nothing_changes_outside_them(films):
    counts = torch.arange(16) % 4
    mixed, where = medmix(films, counts)
    assert torch.equal(mixed[counts == 0], films[counts == 0])
    assert torch.equal(mixed[~where], films[~where])
    assert where[counts > 0].flatten(1).any(1).all()
    assert mixed.min() >= 0 and mixed.max() <= 1


def test_more_lesions_cover_more(films):
    areas = [medmix(films, torch.full((16,), count))[1].float().mean().item() for count in range(4)]
    assert areas[0] == 0 and areas[1] < areas[3]


def test_every_lesion_shows(films):
    flat = torch.full_like(films, 0.0)
    mixed, where = medmix(flat, torch.ones(16, dtype=torch.long))
    for film, mask in zip(mixed, where, strict=True):
        assert film[mask].mean() > 0.02


def test_mixing_follows_the_seed(films):
    counts = torch.full((16,), 3)
    torch.manual_seed(3)
    first, _ = medmix(films, counts)
    torch.manual_seed(3)
    assert torch.equal(first, medmix(films, counts)[0])


def test_a_batch_of_one_cuts_from_itself_and_works(films):
    mixed, _ = medmix(films[:1], torch.tensor([2]))
    assert mixed.shape == films[:1].shape
