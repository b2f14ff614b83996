"""One bad film does not stop a folder: all are named, a few of many are gone on without."""

import numpy as np
import pytest
from PIL import Image

from simsid.cli import run_command
from simsid.data.__main__ import main as check
from simsid.data.film_set import FilmOptions
from simsid.data.load import load_data
from simsid.data.options import data_choice, film_options, load_choice, tell_films
from simsid.data.unreadable import UnreadableFilmsError
from tests.simsid.data import trees
from tests.simsid.data.chosen import chosen
from tests.simsid.data.test_film_options import parsed


def hospital(root, normals=100, abnormals=6):
    for index in range(normals):
        trees.film(root / f"train/normal/{index:03d}.png")
    for index in range(abnormals):
        trees.film(root / f"test/normal/n{index}.png")
        trees.film(root / f"test/mass/m{index}.png")
    return root


def spoil(root, *names, content=b"not a film"):
    for name in names:
        (root / name).write_bytes(content)


def load(root, **options):
    return load_data("folder", str(root), films=FilmOptions(**options))


def test_up_to_2_percent_are_left_out_and_each_is_named_with_code_and_remedy(tmp_path):
    root = hospital(tmp_path)
    whole = load(root)
    spoil(root, "train/normal/003.png")
    spoil(root, "test/mass/m1.png", content=b"")
    data = load(root)
    assert len(data.train) + len(data.calibration) == 99
    assert (data.test.labels == 1).sum() == 5
    assert data.image_size == whole.image_size
    assert data.facts["unreadable"] == {"empty": 1, "not_an_image": 1}
    told = []
    tell_films(data, told.append)
    assert "films that cannot be read and are left out: 2" in told
    assert any(f"{root}/train/normal/003.png: not_an_image:" in line for line in told)
    assert any("m1.png: empty:" in line and "copy it again" in line for line in told)
    assert str(root) not in str(data.facts)  # facts go into the model folder


@pytest.mark.parametrize("bad", [3, 20])
def test_more_are_refused_and_all_are_listed(bad, tmp_path, capsys):
    root = hospital(tmp_path)
    names = [f"train/normal/{index:03d}.png" for index in range(bad)]
    spoil(root, *names)
    options = parsed("--dataset", "folder", "--data-root", str(root))
    assert run_command(lambda: load_choice(data_choice(options))) == 2
    *listed, last = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in listed] == [
        str(root / name) for name in sorted(names)
    ]
    assert last.startswith(f"error: {bad} of 112 films cannot be read, and at most 2 %")


def test_none_is_left_out_without_the_option(tmp_path):
    root = hospital(tmp_path)
    spoil(root, "train/normal/003.png")
    with pytest.raises(UnreadableFilmsError, match=r"without --skip-unreadable none is left out"):
        load(root, skip_unreadable=False)


@pytest.mark.parametrize(
    ("arguments", "skips"),
    [((), True), (("--skip-unreadable",), True), (("--no-skip-unreadable",), False)],
)
def test_the_option_says_whether_films_may_be_left_out(arguments, skips):
    assert film_options(parsed(*arguments)).skip_unreadable is skips


def test_fewer_normals_than_needed_are_never_trained_on(tmp_path):
    root = hospital(tmp_path, normals=12, abnormals=30)
    split, _ = chosen("folder", root)
    assert sum(film.part == "train" for film in split.films) == 10
    spoil(root, next(film.path for film in split.films if film.part == "train"))
    with pytest.raises(
        UnreadableFilmsError, match="9 normal films are left to train on; at least 10"
    ):
        load(root)


def test_a_part_never_loses_all_films_of_a_class(tmp_path):
    root = hospital(tmp_path, normals=100, abnormals=1)
    spoil(root, "test/mass/m0.png")
    with pytest.raises(UnreadableFilmsError, match="they are all abnormal films of test"):
        load(root)


def test_the_check_reads_all_goes_on_and_tells(tmp_path, capsys):
    root = hospital(tmp_path / "set")
    spoil(root, "train/normal/003.png", "train/normal/004.png")
    out = tmp_path / "out"
    arguments = ["check", "--dataset", "folder", "--data-root", str(root), "--out", str(out)]
    assert run_command(lambda: check(arguments)) == 0
    printed = capsys.readouterr().out
    assert "## Films that cannot be read" in printed
    for name in ("003.png", "004.png"):
        assert f"- {root}/train/normal/{name}: not_an_image:" in printed
    assert "films used:" in printed
    assert run_command(lambda: check([*arguments, "--no-skip-unreadable"])) == 2
    told = capsys.readouterr().err
    assert told.count("not_an_image") == 4  # listed, and in the last line
    spoil(root, *(f"train/normal/01{index}.png" for index in range(5)))
    assert run_command(lambda: check(arguments)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 8


def test_the_check_tells_of_masks_as_training_does(tmp_path, capsys):
    root = hospital(tmp_path)
    trees.film(root / "ground_truth/mass/m0_mask.png", (32, 32))
    assert check(["check", "--dataset", "folder", "--data-root", str(root)]) == 0
    printed = capsys.readouterr().out
    assert "pixel truth of the test part: 0 of 6 abnormal films" in printed
    assert (
        "1 with a mask of another size than the film (first: mass/m0.png: it has 32x32 px"
        in printed
    )


def test_the_shifted_split_bears_a_bad_film(tmp_path):
    root = hospital(tmp_path)
    spoil(root, "train/normal/003.png")
    assert len(load(root, split="shifted").unreadable) == 1


def test_what_the_decoder_notices_reaches_the_log_and_the_check(tmp_path, capsys):
    root = hospital(tmp_path, normals=20)
    dark = np.zeros((64, 64), np.uint8)
    dark[::7, ::5] = 1
    for index in range(5):
        Image.fromarray(dark).save(root / f"train/normal/{index:03d}.png")
    noticed = [note for note in load(root).notes if "000.png" in note]
    assert noticed and noticed[0].startswith("5 of 32 films: ")
    assert check(["check", "--dataset", "folder", "--data-root", str(root)]) == 0
    assert "- 5 films: " in capsys.readouterr().out
