import pytest

from synth import AnatomyConfig
from synth.benchmark import measure


@pytest.mark.parametrize("generator", [1, 2])
def test_composing_is_at_least_five_times_as_fast_as_plain_pillow(generator):
    _, ours, pillow = measure(AnatomyConfig(generator=generator), 600)
    assert ours > 5 * pillow
