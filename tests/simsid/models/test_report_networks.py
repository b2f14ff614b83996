"""The report's networks: sizes as written, in-painting from neighbours only where masked."""

import pytest
import torch

from simsid.models.report import (
    FeatureInpainting,
    HierarchicalMemory,
    InpaintingTransformer,
    PatchBasedCNN,
    ReportDiscriminator,
    ReportGenerator,
)


def inpainting(mask_centre: bool = False, grid: tuple[int, int] = (3, 3)) -> FeatureInpainting:
    torch.manual_seed(0)
    memory = HierarchicalMemory(grid[0] * grid[1], 8)
    memory.store(torch.randn(1, grid[0] * grid[1], 8), grid)
    transformer = InpaintingTransformer(24, 8, num_heads=2, num_layers=1)
    return FeatureInpainting(transformer, memory, grid, 8, top_k=1, mask_centre=mask_centre).eval()


def test_sizes_are_those_of_the_report():
    with torch.device("meta"):
        cnn, generator = PatchBasedCNN((8, 8)), ReportGenerator((128, 128), 64)
        features = cnn(torch.zeros(1, 1, 128, 128))
        assert features.shape == (1, 64, 64)
        assert generator.fc.weight.shape == (256 * 8 * 8, 4096)
        shapes = [tuple(x.shape[1:]) for x in generator(features, return_intermediate=True)]
    assert shapes == [(128, 16, 16), (64, 32, 32), (32, 64, 64), (1, 128, 128)]


@pytest.mark.parametrize("size", [(96, 96), (64, 32)])
def test_other_image_sizes_follow_from_the_grid(size):
    grid = (size[0] // 16, size[1] // 16)
    features = PatchBasedCNN(grid, channels=(2, 2, 2, 2), feature_dim=4)(torch.rand(2, 1, *size))
    image = ReportGenerator(size, grid[0] * grid[1], 4, channels=(4, 4, 4, 4))(features)
    assert image.shape == (2, 1, *size)
    assert ReportDiscriminator(size, channels=(2, 2, 2, 2))(image).shape == (2,)


def test_a_patch_feature_sees_its_own_patch_only():
    cnn = PatchBasedCNN((2, 2), channels=(2, 2, 2, 2), feature_dim=4).eval()
    images = torch.rand(1, 1, 32, 32)
    before = cnn(images)
    images[..., :16, :16] = 0
    changed = (cnn(images) - before).abs().amax(-1)[0] > 1e-6
    assert changed.tolist() == [True, False, False, False]


def test_patches_too_small_for_four_poolings_are_refused():
    with pytest.raises(ValueError, match="coarser grid"):
        PatchBasedCNN((8, 8), patch_size=(8, 8))


def test_images_that_are_no_multiple_of_16_px_are_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        ReportGenerator((40, 40), 4)


def test_neighbours_outside_the_grid_are_zero():
    block = inpainting()
    seen = []
    block.transformer.linear_proj.register_forward_hook(lambda _, inputs, __: seen.append(*inputs))
    block(torch.randn(1, 9, 8))
    empty = (seen[0] == 0).all(-1).sum(-1)
    assert empty.tolist() == [5, 3, 5, 3, 0, 3, 5, 3, 5]


def test_centre_mask_hides_the_feature_that_is_inpainted():
    features, other = torch.randn(1, 9, 8), torch.randn(8)
    for mask_centre in (False, True):
        block = inpainting(mask_centre)
        before = block(features)[0, 4]
        changed = features.clone()
        changed[0, 4] = other
        assert torch.equal(block(changed)[0, 4], before) == mask_centre


def test_left_and_right_neighbour_are_told_apart():
    transformer = inpainting().transformer
    neighbours, centre = torch.randn(1, 8, 24), torch.randn(1, 8)
    flipped = transformer(neighbours.flip(1), centre)
    assert not torch.allclose(transformer(neighbours, centre), flipped)
