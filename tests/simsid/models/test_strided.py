"""Strided convolutions, whose gradient threads compute without waiting for each other."""

import pytest
import torch
from torch import nn

from simsid.models import strided

KINDS = {
    "convolution": (strided.Conv2d, nn.Conv2d, (6, 10, 3, 2, 1)),
    "transposed": (strided.ConvTranspose2d, nn.ConvTranspose2d, (6, 10, 4, 2, 1)),
}


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def passed_through(kind, sizes, *, precision=torch.bfloat16, batch=7):
    """Output and gradients of images, weights and biases, and what computed them."""
    torch.manual_seed(0)
    layer = kind(*sizes)
    images = torch.randn(batch, 6, 12, 12, requires_grad=True)
    with torch.autocast("cpu", precision, enabled=precision is not torch.float32):
        out = layer(images)
    out.float().square().sum().backward()
    return (out, images.grad, layer.weight.grad, layer.bias.grad), type(out.grad_fn).__name__


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("batch", [1, 7])
def test_in_bfloat16_several_threads_find_the_gradients_of_torch(name, batch, threads):
    ours, theirs, sizes = KINDS[name]
    threads(3)
    found, by = passed_through(ours, sizes, batch=batch)
    assert by == "_ConvolutionBackward"
    for value, right in zip(found, passed_through(theirs, sizes, batch=batch)[0], strict=True):
        assert value.dtype == right.dtype
        assert (value - right).abs().max() < 0.02 * right.abs().max()  # bfloat16: 8 bits


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("count", "precision"), [(1, torch.bfloat16), (3, torch.float32)], ids=["one thread", "float32"]
)
def test_what_nobody_waits_for_is_torchs_to_the_bit(name, count, precision, threads):
    ours, theirs, sizes = KINDS[name]
    threads(count)
    found, by = passed_through(ours, sizes, precision=precision)
    assert by != "_ConvolutionBackward"
    right, _ = passed_through(theirs, sizes, precision=precision)
    assert all(map(torch.equal, found, right))


def test_gradients_do_not_change_from_run_to_run(threads):
    ours, _, sizes = KINDS["convolution"]
    threads(3)
    once, again = (passed_through(ours, sizes)[0] for _ in range(2))
    assert all(map(torch.equal, once, again))


def test_the_number_of_threads_is_the_same_afterwards(threads):
    ours, _, sizes = KINDS["convolution"]
    threads(3)
    passed_through(ours, sizes)
    assert torch.get_num_threads() == 3


def test_gradients_of_gradients_can_be_asked_for(threads):
    """As a gradient penalty does."""
    threads(3)
    penalties = []
    for kind in KINDS["convolution"][:2]:
        torch.manual_seed(0)
        layer = kind(6, 10, 3, 2, 1).bfloat16()
        images = torch.randn(7, 6, 12, 12, dtype=torch.bfloat16, requires_grad=True)
        out = layer(images).square().sum()
        (gradient,) = torch.autograd.grad(out, images, create_graph=True)
        gradient.float().square().sum().backward()
        penalties.append(layer.weight.grad)
    assert (penalties[0] - penalties[1]).abs().max() < 0.02 * penalties[1].abs().max()


def test_frozen_weights_get_no_gradient(threads):
    threads(3)
    layer = strided.Conv2d(6, 10, 3, 2, 1).requires_grad_(False)
    images = torch.randn(7, 6, 12, 12, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        layer(images).float().sum().backward()
    assert images.grad is not None and layer.weight.grad is None


def reflected():
    torch.manual_seed(0)
    layer = strided.Conv2d(6, 10, 3, 2, 1, padding_mode="reflect")
    with torch.autocast("cpu", torch.bfloat16):
        return layer(torch.ones(2, 6, 8, 8).cumsum(2))


def of_one_image():
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        return strided.Conv2d(6, 10, 3, 2, 1)(torch.ones(6, 8, 8))


def in_float64():
    torch.manual_seed(0)
    layer = strided.Conv2d(6, 10, 3, 2, 1).double()
    with torch.autocast("cpu", torch.bfloat16):
        return layer(torch.ones(2, 6, 8, 8, dtype=torch.float64))


@pytest.mark.parametrize("case", [reflected, of_one_image, in_float64])
def test_the_rest_works_as_with_one_thread(case, threads):
    threads(1)
    right = case()
    threads(3)
    found = case()
    assert found.dtype == right.dtype and torch.equal(found, right)


def test_mixed_precision_without_autocast_is_refused_by_torch(threads):
    threads(3)
    with pytest.raises(RuntimeError, match="should be the same"):
        strided.Conv2d(6, 10, 3, 2, 1)(torch.ones(2, 6, 8, 8, dtype=torch.bfloat16))


def test_a_thread_that_fails_is_told_and_the_next_step_works(threads, monkeypatch):
    def fails(*args, **kwargs):
        raise OSError("no more threads")

    ours, theirs, sizes = KINDS["convolution"]
    threads(3)
    strided._threads.cache_clear()
    with monkeypatch.context() as broken, pytest.raises(OSError, match="no more threads"):
        broken.setattr(strided, "threadpool_limits", fails)
        passed_through(ours, sizes)
    found, _ = passed_through(ours, sizes)
    right, _ = passed_through(theirs, sizes)
    assert (found[2] - right[2]).abs().max() < 0.02 * right[2].abs().max()
