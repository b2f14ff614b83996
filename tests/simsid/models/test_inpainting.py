import torch

from simsid.models.inpainting import InpaintingBlock, masked_shortcut


def test_shortcut_is_identity_in_eval():
    x, inpainted = torch.zeros(4, 9, 8), torch.ones(4, 9, 8)
    assert torch.equal(masked_shortcut(x, inpainted, 0.5, training=False), inpainted)


def test_shortcut_mixes_whole_patches_in_training():
    mixed = masked_shortcut(torch.zeros(50, 9, 8), torch.ones(50, 9, 8), 0.7, training=True)
    assert set(mixed.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(mixed.min(-1).values, mixed.max(-1).values)
    assert 0.6 < mixed.mean() < 0.8


def block(query_residual):
    torch.manual_seed(0)
    return InpaintingBlock((3, 3), 16, query_residual=query_residual).eval()


def test_inpainting_of_a_patch_ignores_its_own_memory_feature():
    memory = torch.randn(1, 9, 16)
    changed = memory.clone()
    changed[0, 4] += 5.0
    query = torch.randn(1, 9, 16)
    before, after = block(False)(query, memory), block(False)(query, changed)
    assert torch.equal(before[0, 4], after[0, 4])
    assert not torch.equal(before[0, 0], after[0, 0])


def test_a_far_patch_is_not_asked():
    memory = torch.randn(1, 9, 16)
    changed = memory.clone()
    changed[0, 8] += 5.0
    query = torch.randn(1, 9, 16)
    assert torch.equal(block(True)(query, memory)[0, 0], block(True)(query, changed)[0, 0])


def test_equal_neighbourhoods_differ_by_position():
    same = torch.ones(1, 9, 16)
    out = block(True)(same, same)
    assert not torch.allclose(out[0, 3], out[0, 5])


def test_without_residual_the_query_only_steers():
    """Scaling the raw query hardly matters: it is normalised, and only attention sees it."""
    memory, query = torch.randn(1, 9, 16), torch.randn(1, 9, 16)
    out = block(False)
    assert torch.allclose(out(query, memory), out(100 * query, memory), atol=1e-2)
