from synth import AnatomyConfig
from synth.benchmark import measure


def test_composing_is_at_least_five_times_as_fast_as_plain_pillow():
    _, ours, pillow = measure(AnatomyConfig(), 600)
    assert ours > 5 * pillow
