import json

import numpy as np
import pytest
from PIL import Image

from synth import SynthError
from synth.cli import main
from synth.layouts import LAYOUTS
from synth.medmix import MedMixConfig, medmix
from synth.medmix_set import MedMixSet, find_films, generate_medmix, read_film
from synth.verify import verify


def films(count, height=64, width=48):
    """Normal 'films': two dark fields in brighter tissue, each a little different."""
    rng = np.random.default_rng(5)
    images = np.full((count, height, width), 170) + rng.integers(-20, 20, (count, 1, 1))
    for left in (6, width // 2 + 4):
        images[:, 10 : height - 10, left : left + width // 2 - 10] -= 110
    return (images + rng.integers(0, 12, images.shape)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "normals"
    (root / "more").mkdir(parents=True)
    for number, film in enumerate(films(20)):
        where = root / "more" if number > 10 else root
        Image.fromarray(film).save(where / f"film{number:02d}.png")
    return root


@pytest.fixture
def made(folder, tmp_path):
    generate_medmix(tmp_path / "made", MedMixSet(folder, train=4, seed=3))
    return tmp_path / "made"


def mixed(count, seed=0, config=None):
    film, *donors = films(6)
    return film, *medmix(film, donors, count, np.random.default_rng(seed), config)


def test_no_lesion_leaves_the_film_as_it_is():
    film, image, mask, lesions = mixed(0)
    assert np.array_equal(film, image) and not mask.any() and lesions == ()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_only_pixels_within_the_mask_differ(count):
    for seed in range(20):
        film, image, mask, lesions = mixed(count, seed)
        assert image.dtype == np.uint8 and image.shape == film.shape
        assert np.array_equal(image[~mask], film[~mask])
        assert len(lesions) == count
        boxes = np.zeros_like(mask)
        for lesion in lesions:
            boxes[lesion.top :, lesion.left :][: lesion.height, : lesion.width] = True
        assert mask.any() and not mask[~boxes].any()


def test_every_lesion_shows_even_black_upon_black():
    black = np.zeros((64, 64), np.uint8)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        image, mask, _ = medmix(black, [black], 1, rng, MedMixConfig(curved=0.0))
        assert image[mask].mean() > 255 * 0.02


def test_the_same_seed_gives_the_same_pixels_and_another_gives_others():
    assert np.array_equal(mixed(3, 1)[1], mixed(3, 1)[1])
    assert not np.array_equal(mixed(3, 1)[1], mixed(3, 2)[1])


def test_a_donor_smaller_than_the_lesion_is_mirrored():
    film = films(1)[0]
    rng = np.random.default_rng(0)
    _, mask, _ = medmix(film, [film[:3, :3]], 1, rng, MedMixConfig(size=(0.3, 0.4)))
    assert mask.sum() > 100


def test_lesions_that_cannot_be_are_refused():
    film = films(1)[0]
    with pytest.raises(SynthError, match="0 to 3"):
        medmix(film, [film], 4, np.random.default_rng(0))
    with pytest.raises(SynthError, match="another normal film"):
        medmix(film, [], 1, np.random.default_rng(0))


def test_a_folder_becomes_a_set_that_verifies(made):
    assert verify(made) == []
    records = json.loads((made / "manifest.json").read_text())["samples"]
    kinds = [record["kind"] for record in records]
    assert kinds.count("normal") == 4 + 8
    assert kinds.count("lesions-1") == 3 and kinds.count("lesions-3") == 2
    assert all(len(record["cells"]) == int(record["kind"][-1]) for record in records[12:])


def test_every_film_is_used_once_and_what_is_normal_is_untouched(made, folder):
    records = json.loads((made / "manifest.json").read_text())["samples"]
    paths = find_films(folder)
    assert sorted(record["index"] for record in records) == list(range(20))
    for record in records:
        if not record["label"]:
            pixels = np.asarray(Image.open(made / f"{record['id']}.png"))
            assert np.array_equal(pixels, read_film(paths[record["index"]]))


def test_a_lesion_is_never_cut_from_its_own_film_nor_from_a_training_film(made):
    records = json.loads((made / "manifest.json").read_text())["samples"]
    train = {record["index"] for record in records if record["split"] == "train"}
    for record in records:
        donors = {cell["donor"] for cell in record["cells"]}
        assert not donors & (train | {record["index"]})


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "parquet"])
def test_every_layout_holds_the_same_pixels(layout, folder, made, tmp_path):
    other = generate_medmix(tmp_path / layout, MedMixSet(folder, 4, seed=3, layout=layout))
    assert verify(tmp_path / layout) == []
    first = json.loads((made / "manifest.json").read_text())
    assert other["pixels_sha256"] == first["pixels_sha256"]


def test_sixteen_bit_films_keep_their_range(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    Image.fromarray(ramp >> 4).save(tmp_path / "shallow.png")
    for name in ("deep.png", "shallow.png"):
        assert np.array_equal(read_film(tmp_path / name), (ramp >> 8).astype(np.uint8))


def test_the_command_makes_a_set_and_says_what_is_in_it(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["medmix", "--films", str(folder), "--out", str(out)]) == 0
    assert "20 films" in capsys.readouterr().out
    assert "| test | lesions-2 |" in (out / "README.md").read_text()
    assert main(["medmix", "--films", str(folder), "--out", str(out)]) == 2
    assert main(["medmix", "--films", str(folder), "--out", str(out), "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--films", "nowhere"], "nowhere: no such folder"),
        (["--films", "EMPTY"], "holds no films"),
        (["--train", "15"], "holds 20 films and needs 23"),
        (["--train", "-1"], "train must be"),
        (["--normal-share", "1"], "normal-share must lie between"),
        (["--seed", "-3"], "seed must be"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, message, folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    arguments = [str(tmp_path / "empty") if word == "EMPTY" else word for word in arguments]
    given = ["medmix", "--films", str(folder), "--out", str(tmp_path / "out"), *arguments]
    assert main(given) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_film_that_cannot_be_read_is_named_and_nothing_is_left(folder, tmp_path, capsys):
    (folder / "film05.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    out = tmp_path / "out"
    assert main(["medmix", "--films", str(folder), "--out", str(out)]) == 2
    assert "film05.png" in capsys.readouterr().err
    assert not out.exists()
