import jaxtyping
import pytest
import torch

from simsid.models.patches import image_to_patches, neighbourhoods, patches_to_image


def test_patches_come_in_reading_order():
    image = torch.arange(6.0).reshape(2, 3).repeat_interleave(4, 0).repeat_interleave(5, 1)
    patches = image_to_patches(image[None, None], (2, 3))
    assert patches.shape == (1, 6, 1, 4, 5)
    assert patches.mean((2, 3, 4)).tolist() == [[0, 1, 2, 3, 4, 5]]


def test_reassembling_is_the_inverse_of_cutting():
    images = torch.rand(3, 2, 12, 20)
    assert torch.equal(patches_to_image(image_to_patches(images, (3, 4)), (3, 4)), images)


def test_an_image_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="30x32 px cannot be cut into 4x4"):
        image_to_patches(torch.zeros(1, 1, 30, 32), (4, 4))


def test_neighbours_are_the_eight_around_and_zero_outside():
    features = torch.arange(1.0, 10.0).reshape(1, 9, 1)
    around = neighbourhoods(features, (3, 3))[0, :, :, 0]
    assert around[4].tolist() == [1, 2, 3, 4, 6, 7, 8, 9]
    assert around[0].tolist() == [0, 0, 0, 0, 2, 0, 4, 5]
    assert around[8].tolist() == [5, 6, 0, 8, 0, 0, 0, 0]


def test_a_patch_is_not_its_own_neighbour():
    features = torch.zeros(1, 12, 1)
    features[0, 5] = 1.0
    assert neighbourhoods(features, (3, 4))[0, 5].sum() == 0
    assert neighbourhoods(features, (3, 4)).sum() == 8


def test_annotated_shapes_are_proved_while_tests_run():
    with pytest.raises(jaxtyping.TypeCheckError):
        neighbourhoods(torch.zeros(9, 4), (3, 3))  # the batch axis is missing
