import math

import pytest
import torch

from simsid.models.gan import (
    Critic,
    GanGenerator,
    LatentEncoder,
    critic_losses,
    gradient_penalty,
    residuals,
)

SIZE, CHANNELS = (32, 48), (4, 8)


def films(count=4, seed=0):
    return torch.rand(count, 1, *SIZE, generator=torch.Generator().manual_seed(seed))


def test_generator_critic_and_encoder_fit_together():
    generator = GanGenerator(SIZE, CHANNELS, 6)
    made = generator(generator.noise(3))
    assert made.shape == (3, 1, *SIZE)
    assert Critic(SIZE, CHANNELS)(made).shape == (3,)
    assert LatentEncoder(SIZE, CHANNELS, 6)(made).shape == (3, 6)


def test_the_penalty_of_a_linear_critic_is_known():
    critic = Critic((4, 4), (1,))
    critic.forward = lambda images: 2.0 * images.flatten(1).sum(1)  # gradient: 2 at 16 pixels
    real, fake = torch.rand(5, 1, 4, 4), torch.rand(5, 1, 4, 4)
    assert math.isclose(float(gradient_penalty(critic, real, fake)), (2 * 4 - 1) ** 2, rel_tol=1e-4)


def test_a_critic_learns_to_tell_real_from_fake_and_gives_the_generator_a_slope():
    torch.manual_seed(0)
    critic = Critic(SIZE, CHANNELS)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-2)
    real, fake = films(), films(seed=1) * 0.2
    for _ in range(30):
        losses = critic_losses(critic, real, fake)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
    assert float(losses["distance"]) > 1
    assert critic(real).min() > critic(fake).max()
    fake = fake.clone().requires_grad_()
    critic(fake).sum().backward()
    assert fake.grad.abs().sum() > 0


def test_critic_scores_do_not_depend_on_the_company_of_a_film():
    critic = Critic(SIZE, CHANNELS)
    batch = films()
    alone = torch.cat([critic(film[None]) for film in batch])
    assert torch.allclose(critic(batch), alone, atol=1e-5)


def test_residuals_vanish_for_a_film_itself_and_only_there():
    critic = Critic(SIZE, CHANNELS)
    pixels, features = residuals(critic, films(), films())
    assert pixels.shape == (4, 1, *SIZE) and features.shape == (4, 8, 12)
    assert pixels.abs().max() == features.abs().max() == 0
    pixels, features = residuals(critic, films(), films(seed=1))
    assert pixels.mean() > 0 and features.mean() > 0


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="cannot be halved"):
        GanGenerator((30, 32), (4, 8), 6)
