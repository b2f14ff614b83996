import copy

import pytest
import torch
import torch.nn.functional as F
from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from simsid.models.jitter import jitter_patches
from simsid.models.layers import (
    BatchNorm2d,
    NormalisedConv,
    centre_and_spread,
    conv_block,
    square_mean,
    standardise,
)


@pytest.fixture
def block():
    """A convolution whose normalisation has seen something, in evaluation."""
    torch.manual_seed(0)
    block = conv_block(3, 8)
    nn.init.normal_(block[1].weight)
    nn.init.normal_(block[1].bias)
    for _ in range(3):
        block(2 * torch.randn(4, 3, 9, 9) + 1)
    return block.eval()


def in_sequence(block: NormalisedConv, x: torch.Tensor) -> torch.Tensor:
    for layer in block:
        x = layer(x)
    return x


def write_to_weights(block):
    with torch.no_grad():
        block[0].weight.mul_(2)


def write_to_statistics(block):
    with torch.inference_mode():
        block[1].running_var += 1


def replace_weights(block):
    block[1].weight = nn.Parameter(torch.full((8,), 0.3))


def load_others(block):
    block.load_state_dict(conv_block(3, 8).state_dict())


def see_more_films(block):
    block.train()(5 * torch.randn(4, 3, 9, 9))
    block.eval()


def learn_with_a_frozen_normalisation(block):
    """By an optimiser whose writing torch does not count: nothing but the mode tells of it."""
    block.train()
    block[1].eval()
    optimiser = torch.optim.Adam(block.parameters(), lr=0.3, fused=True)
    block(torch.randn(4, 3, 9, 9)).square().sum().backward()
    optimiser.step()
    block.eval()


CHANGES = [
    write_to_weights, write_to_statistics, replace_weights, load_others, see_more_films,
    learn_with_a_frozen_normalisation,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_folded_normalisation_scores_as_its_parts_whatever_is_done_to_them(block, change):
    x = torch.randn(2, 3, 9, 9)
    with torch.no_grad():
        before = block(x)
        assert torch.allclose(before, in_sequence(block, x), atol=1e-5)
        assert block(x).equal(before)
    change(block)
    with torch.no_grad():
        assert torch.allclose(block(x), in_sequence(block, x), atol=1e-5)
        assert not torch.allclose(block(x), before, atol=1e-2)


def test_a_folded_normalisation_moves_with_its_network(block):
    x = torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        single = block(x)
        assert torch.allclose(block.double()(x.double()).float(), single, atol=1e-5)


def test_what_is_folded_is_in_no_state_and_in_no_copy(block):
    names = list(block.state_dict())
    with torch.inference_mode():
        block(torch.randn(2, 3, 9, 9))
    assert list(block.state_dict()) == names
    twin = copy.deepcopy(block)
    write_to_weights(twin)
    x = torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        assert torch.allclose(twin(x), in_sequence(twin, x), atol=1e-5)
        assert torch.allclose(block(x), in_sequence(block, x), atol=1e-5)


def test_gradients_reach_the_parts_of_a_block_in_evaluation(block):
    block(torch.randn(2, 3, 9, 9)).sum().backward()
    assert all(parameter.grad is not None for parameter in block.parameters())


def test_a_block_that_was_made_for_inference_alone_scores(block):
    with torch.inference_mode():
        x, twin = torch.randn(2, 3, 9, 9), conv_block(3, 8).eval()
        twin.load_state_dict(block.state_dict())
        assert twin(x).equal(block(x))
        twin[0].weight.mul_(2)
        assert torch.allclose(twin(x), in_sequence(twin, x), atol=1e-5)


WATCHES = [
    lambda block, see: block[0].register_forward_hook(see),
    lambda block, see: block[1].register_forward_hook(see),
    lambda block, see: block[0].register_forward_pre_hook(see),
    lambda block, see: block[1].register_forward_pre_hook(see),
    lambda block, see: register_module_forward_hook(see),
    lambda block, see: register_module_forward_pre_hook(see),
]


@pytest.mark.parametrize("watch", WATCHES)
def test_a_hook_sees_what_the_parts_of_a_block_compute_while_it_scores(block, watch):
    x, seen = torch.randn(2, 3, 9, 9), []
    with torch.inference_mode():
        before = block(x)
        handle = watch(block, lambda layer, *values: seen.append((layer, values)))
        try:
            watched = block(x)
        finally:
            handle.remove()
        assert {layer for layer, _ in seen} & {block[0], block[1]}
        assert torch.allclose(watched, before, atol=1e-6) and watched.equal(in_sequence(block, x))
        count = len(seen)
        assert block(x).equal(before) and len(seen) == count


@pytest.mark.parametrize("part", [0, 1])
def test_a_hook_of_accelerate_is_called_and_changes_what_a_block_gives(block, part):
    class Doubled(ModelHook):
        def post_forward(self, module, output):
            return 2 * output

    x = torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        before = block(x)
        add_hook_to_module(block[part], Doubled())
        assert block(x).equal(in_sequence(block, x)) and not torch.allclose(block(x), before)
        remove_hook_from_module(block[part])
        assert torch.allclose(block(x), before, atol=1e-6)


def test_a_layer_with_a_forward_of_its_own_computes_by_it():
    class Half(nn.Conv2d):
        def forward(self, x):
            return super().forward(x) / 2

    class Shifted(BatchNorm2d):
        def forward(self, x):
            return super().forward(x) + 1

    x, torch_conv = torch.randn(2, 3, 9, 9), nn.Conv2d(3, 8, 3, bias=False)
    for conv, norm in ((Half(3, 8, 3, bias=False), BatchNorm2d(8)), (torch_conv, Shifted(8))):
        own = NormalisedConv(conv, norm).eval()
        with torch.inference_mode():
            assert own(x).equal(norm(conv(x))) and own._folded is None
    plain = conv_block(3, 8, stride=2).eval()  # its convolution is of a class of the kit
    with torch.inference_mode():
        plain(x)
    assert plain._folded is not None


def test_what_is_folded_from_no_numbers_is_not_kept(block):
    x = torch.randn(2, 3, 9, 9)
    with torch.inference_mode(), FakeTensorMode(allow_non_fake_inputs=True):
        assert block(x).shape == (2, 8, 9, 9)
    with torch.inference_mode():
        assert torch.allclose(block(x), in_sequence(block, x), atol=1e-5)


@pytest.mark.parametrize("side", [3, 5])
def test_the_mean_of_a_square_is_that_of_average_pooling(side):
    images = torch.rand(2, 1, 9, 7)
    pooled = F.avg_pool2d(images, side, 1, side // 2, count_include_pad=False)
    assert torch.allclose(square_mean(images, side), pooled, atol=1e-6)


def test_the_spread_of_images_is_their_standard_deviation():
    images = torch.rand(3, 1, 9, 7)
    centred, spread = centre_and_spread(images)
    assert torch.allclose(spread, images.std((1, 2, 3), keepdim=True), atol=1e-6)
    assert torch.allclose(centred, images - images.mean((1, 2, 3), keepdim=True))


def test_an_image_without_contrast_has_a_gradient():
    flat = torch.full((1, 1, 4, 4), 0.5, requires_grad=True)
    standardise(flat).square().sum().backward()
    assert flat.grad is not None and torch.isfinite(flat.grad).all()


def test_batch_norm_with_one_rank_is_torchs():
    ours, theirs = BatchNorm2d(4), torch.nn.BatchNorm2d(4)
    x = torch.randn(3, 4, 5, 5)
    assert torch.equal(ours(x), theirs(x))


def test_standardised_images_do_not_know_exposure_and_contrast():
    images = torch.rand(2, 1, 16, 16)
    assert torch.allclose(standardise(images), standardise(0.3 * images + 0.5), atol=0.05)


def test_jitter_moves_patches_and_keeps_range():
    images = torch.rand(4, 1, 32, 32)
    moved = jitter_patches(images, (2, 2), 0.3, 0.2, 0.1)
    assert moved.shape == images.shape
    assert not torch.equal(moved, images)
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_no_jitter_leaves_the_image():
    images = torch.rand(2, 1, 32, 32)
    assert torch.allclose(jitter_patches(images, (2, 2), 0.0, 0.0, 0.0), images, atol=1e-5)


def test_jitter_never_carries_a_patch_into_its_neighbour():
    images = torch.zeros(8, 1, 32, 32)
    images[:, :, :16, :16] = 1.0
    moved = jitter_patches(images, (2, 2), 0.3, 0.5, 0.2)
    assert moved[:, :, 16:].max() == 0
    assert moved[:, :, :, 16:].max() == 0
