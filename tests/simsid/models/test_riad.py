"""In-painting and the similarity of gradients."""

import pytest
import torch
from torch import nn

from simsid.models.riad import (
    InpaintingUNet,
    disjoint_parts,
    gradient_dissimilarity,
    gradient_similarity,
    inpaint,
)


@pytest.mark.parametrize("size", [(32, 48), (30, 20)])
def test_parts_are_square_cells_shared_out_evenly(size):
    part_of = disjoint_parts(size, cell=4, parts=3)
    assert part_of.shape == size and part_of.max() == 2
    corner = part_of[:8, :8].reshape(2, 4, 2, 4)
    assert (corner == corner[:, :1, :, :1]).all()
    counts = part_of[::4, ::4].flatten().bincount(minlength=3)
    assert counts.max() - counts.min() <= 1


def test_each_pixel_is_painted_in_from_where_its_own_part_is_cut_out():
    seen = []

    class Recorder(nn.Module):
        def forward(self, images):
            seen.append(images)
            return torch.full_like(images, 7.0)

    images = torch.rand(2, 1, 8, 8) + 0.1
    part_of = disjoint_parts((8, 8), cell=2, parts=3)
    assert (inpaint(Recorder(), images, part_of, 3) == 7).all()
    cut = seen[0].unflatten(0, (3, 2))
    for part in range(3):
        assert torch.equal(cut[part] == 0, (part_of == part).expand(2, 1, 8, 8))


def test_a_pixel_never_sees_itself():
    network = InpaintingUNet((16, 16), (4, 8)).eval()
    part_of = disjoint_parts((16, 16), cell=4, parts=2)
    images = torch.rand(1, 1, 16, 16)
    changed = images.clone()
    changed[0, 0, 5, 5] = 0.9
    before, after = (inpaint(network, x, part_of, 2) for x in (images, changed))
    own = part_of == part_of[5, 5]
    assert torch.equal(before[0, 0][own], after[0, 0][own])
    assert not torch.equal(before, after)


@pytest.mark.parametrize("block_size", [1, 2])
def test_the_network_gives_back_the_size_and_has_shortcuts(block_size):
    network = InpaintingUNet((32, 16), (4, 8, 8), block_size).eval()
    images = torch.rand(2, 1, 32, 16)
    assert network(images).shape == images.shape
    deepest = network.down[-1]
    for layer in (deepest, *deepest.modules()):
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    assert network(images).std((1, 2, 3)).min() > 0  # fine detail takes the short way


def test_gradient_similarity_is_one_for_equal_images_and_below_for_others():
    one, other = torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16)
    assert torch.allclose(gradient_similarity(one, one), torch.ones_like(one))
    similarity = gradient_similarity(one, other)
    assert (similarity > 0).all() and (similarity <= 1).all() and similarity.mean() < 0.9


def test_gradient_similarity_of_a_ramp_and_a_flat_is_by_hand():
    ramp = (0.1 * torch.arange(8.0)).expand(1, 1, 8, 8)
    similarity = gradient_similarity(ramp, torch.zeros(1, 1, 8, 8))
    slope = 0.2  # Prewitt over two pixels
    assert torch.allclose(
        similarity[0, 0, 4, 4], torch.tensor(0.0026 / (slope**2 + 0.0026)), atol=1e-4
    )


def test_exposure_is_no_dissimilarity_and_an_edge_is():
    image = torch.full((1, 1, 32, 32), 0.3)
    assert gradient_dissimilarity(image, image + 0.4).max() < 1e-5
    edge = image.clone()
    edge[..., 16:] = 0.9
    distance = gradient_dissimilarity(image, edge)[0, 0]
    assert distance[:, 15:17].mean() > 0.5 > 10 * distance[:, :4].mean()


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="multiple of"):
        InpaintingUNet((20, 16), (4, 8, 8), 2)
