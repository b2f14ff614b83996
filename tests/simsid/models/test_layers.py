import copy

import torch
from torch import nn

from simsid.models.jitter import jitter_patches
from simsid.models.layers import BatchNorm2d, NormedConv, conv_block, standardise


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


def normed(block, x):
    """What a block gives in evaluation: layer by layer, and folded."""
    block.eval()
    plain = nn.Sequential.forward(block, x)
    with torch.no_grad():
        return plain, block(x)


def trained_block():
    torch.manual_seed(0)
    block, x = conv_block(3, 8, 3, 2), torch.randn(4, 3, 16, 16)
    for _ in range(3):
        block(2 * x + 1)
    return block, x


def test_a_folded_block_gives_what_its_layers_give_and_keeps_its_weights():
    block, x = trained_block()
    state = {name: value.clone() for name, value in block.state_dict().items()}
    plain, folded = normed(block, x)
    assert torch.allclose(plain, folded, rtol=1e-5, atol=1e-6)
    assert list(state) == list(block.state_dict())
    assert all(torch.equal(value, block.state_dict()[name]) for name, value in state.items())
    without_more = NormedConv(nn.Conv2d(3, 4, 1), BatchNorm2d(4))
    assert torch.allclose(*normed(without_more, x), rtol=1e-5, atol=1e-6)


def test_a_folded_block_follows_every_change_of_weights_and_statistics():
    block, x = trained_block()

    def step():
        block.train()
        block(3 * x - 2)

    def scale():
        with torch.no_grad():
            block[0].weight.mul_(2)

    def load():
        block.load_state_dict({k: v + 1 for k, v in block.state_dict().items()})

    _, before = normed(block, x)
    for change in (step, scale, load, lambda: block.double().float()):
        change()
        plain, folded = normed(block, x)
        assert torch.allclose(plain, folded, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(before, folded)


def test_gradients_flow_through_a_block_in_evaluation_and_a_copy_folds_its_own():
    block, x = trained_block()
    normed(block, x)
    again = copy.deepcopy(block)
    with torch.no_grad():
        again[0].weight.zero_()
        assert not torch.equal(again(x), block(x))
    block(x).sum().backward()
    assert block[0].weight.grad.abs().sum() > 0
