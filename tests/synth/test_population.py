import json

import numpy as np
import pytest

from synth import AnatomyConfig, DigitAnatomy, SynthError
from synth.glyphs.styled import slanted, thickened
from synth.population import POPULATIONS, Population, load_population


def images(population=None, strength=1.0, count=60):
    config = AnatomyConfig(generator=2, population=population, strength=strength)
    return DigitAnatomy(config).images("test", "normal", range(count)).astype(float)


@pytest.mark.parametrize("name", POPULATIONS)
def test_strength_0_changes_nothing(name):
    assert np.array_equal(images(POPULATIONS[name], 0.0), images())


@pytest.mark.parametrize("name", [name for name in POPULATIONS if name != "home"])
def test_the_dial_goes_all_the_way(name):
    home = images()
    gaps = [np.abs(images(POPULATIONS[name], s) - home).mean() for s in (0.25, 0.6, 1.0)]
    assert 0 < gaps[0] < gaps[1] < gaps[2]


def test_each_dial_does_what_it_says():
    home = images()
    ink = (home >= 128).mean()
    assert (images(Population(thickness=0.5)) >= 128).mean() > 1.1 * ink
    assert (images(Population(thickness=-0.5)) >= 128).mean() < 0.9 * ink
    assert (images(Population(size=0.7)) >= 128).mean() < 0.8 * ink
    lifted = np.median(images(Population(exposure=0.2)), axis=(1, 2))
    assert lifted.mean() == pytest.approx(51, abs=3) and lifted.max() - lifted.min() > 10
    brightest = images(Population(contrast=0.5)).max(axis=(1, 2))
    assert brightest.mean() == pytest.approx(128, abs=6) and np.ptp(brightest) > 20
    assert images(Population(noise=0.1, exposure=0.5)).std() > home[home == 0].std()
    blurred = np.abs(np.diff(images(Population(blur=1.5)))).max()
    assert blurred < 0.7 * np.abs(np.diff(home)).max()
    framed = images(Population(frame=2))
    assert (framed[:, :2] == 200).all() and (framed[:, :, -2:] == 200).all()
    bounded = images(Population(collimation=0.06, exposure=0.3))
    assert not bounded[:, :4].any() and not bounded[:, :, -4:].any()


def test_noise_has_the_deviation_that_it_states():
    background = images(Population(noise=0.05, exposure=0.4))[:, :3]
    centred = background - np.median(background, axis=(1, 2), keepdims=True)
    assert np.quantile(np.abs(centred), 0.6827) == pytest.approx(0.05 * 255, rel=0.1)


def test_spacing_moves_digits_together_or_apart():
    def spread(spacing):
        config = AnatomyConfig(generator=2, population=Population(spacing=spacing))
        picture = DigitAnatomy(config).images("test", "normal", range(100)).sum(axis=0)
        columns = picture.sum(axis=0)
        return np.sqrt((columns * (np.arange(96) - 47.5) ** 2).sum() / columns.sum())

    assert spread(1) < spread(0) - 1 < spread(-1) - 2


def test_slant_leans_glyphs_to_the_right_and_keeps_their_ink():
    bar = np.zeros((1, 64, 64), np.uint8)
    bar[0, 10:54, 30:34] = 255
    out = slanted(bar, 16)
    assert out[0, 12].argmax() > out[0, 50].argmax() + 8
    assert out.sum() == pytest.approx(bar.sum(), rel=0.01)


def test_thinning_never_erases_a_glyph():
    hair = np.zeros((1, 64, 64), np.uint8)
    hair[0, 10:54, 30] = 240
    assert thickened(hair, -256).max() == 80


def test_hands_are_mixed_by_their_shares_and_strength():
    population = Population("mixed", (("optdigits", 3.0), ("strokes", 1.0)))
    for strength, expected in ((1.0, 0.75), (0.5, 0.375)):
        config = AnatomyConfig(generator=2, population=population, strength=strength)
        samples = DigitAnatomy(config).samples("val", "normal", range(400))
        share = np.mean([sample.factors["hand"].startswith("optdigits/") for sample in samples])
        assert share == pytest.approx(expected, abs=0.08)


def test_anomalies_are_drawn_in_every_population_and_seen_in_its_masks():
    for population in POPULATIONS.values():
        anatomy = DigitAnatomy(AnatomyConfig(generator=2, population=population))
        for kind in anatomy.kinds[1:]:
            for sample in anatomy.samples("test", kind, range(4)):
                assert sample.mask.any() and sample.factors["population"] == population.name


def test_truth_never_lies_where_the_film_was_not_exposed():
    anatomy = DigitAnatomy(AnatomyConfig(generator=2, population=Population(collimation=0.1)))
    for sample in anatomy.samples("test", "shifted", range(40)):
        assert not sample.mask[:7].any() and not sample.mask[:, -7:].any()


def test_a_file_describes_a_population_and_its_own_glyphs(npz):
    path = npz.parent / "clinic.yaml"
    path.write_text("hands: {glyphs.npz: 1}\nslant: 0.2\nnoise: 0.05\n")
    population = load_population(str(path))
    assert population == Population("clinic", ((str(npz), 1.0),), slant=0.2, noise=0.05)
    assert population.public()["hands"] == {"glyphs.npz": 1.0}
    as_json = npz.parent / "clinic.json"
    as_json.write_text(json.dumps({"name": "clinic", "slant": 0.2, "noise": 0.05}))
    assert load_population(str(as_json)) == Population("clinic", slant=0.2, noise=0.05)
    sample = DigitAnatomy(AnatomyConfig(generator=2, population=population)).sample(
        "val", "normal", 0
    )
    assert sample.factors["hand"].startswith("glyphs.npz/")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "slnt: 0.2", "unknown 'slnt'"),
        ("a.yaml", "slant: steep", "slant must be a number"),
        ("a.yaml", "slant: 7", "slant must be from -1 to 1"),
        ("a.yaml", "[1, 2", "is not YAML"),
        ("a.yaml", "- 1", "must hold a mapping"),
        ("a.yaml", "hands: {optdigits: -1}", "add up to more"),
        ("a.yaml", "hands: {optdigits: much}", "must map glyph sources to shares"),
        ("a.json", "{", "is not JSON"),
        ("a.yaml", None, "no such file"),
        ("a.txt", None, "unknown"),
    ],
)
def test_files_that_describe_none_are_refused_by_name(name, text, message, tmp_path):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(SynthError, match=message) as caught:
        load_population(str(tmp_path / name))
    assert name in str(caught.value)
