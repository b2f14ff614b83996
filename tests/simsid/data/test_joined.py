from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from simsid.data.film_set import FilmOptions
from simsid.data.load import load_data
from simsid.errors import DataError


def reduced_set(root, name: str, size: int = 64, normals: int = 80, wide: int = 20):
    """A set with a manifest: lungs of two widths, every fourth normal has the wide ones."""
    rng = np.random.default_rng(len(name))
    folder = root / name
    folder.mkdir(parents=True)
    rows = []
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    for index in range(normals + 20):
        normal = index < normals
        width = 0.6 if index < wide else 0.3
        lungs = sum(np.exp(-(((x - s * width) / 0.25) ** 2 + (y / 0.6) ** 2)) for s in (-1, 1))
        film = 200 - 120 * lungs + rng.normal(0, 4, (size, size)) - 60 * (not normal) * (y > 0)
        file = f"{index:03d}.png"
        Image.fromarray(film.clip(0, 255).astype(np.uint8)).save(folder / file)
        label = "normal" if normal else "abnormal"
        rows.append({"file": file, "label": label, "patient": f"p{index}", "view": "PA"})
    with open(folder / "manifest.csv", "w", newline="") as table:
        writer = csv.DictWriter(table, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    return f"zhanglab={reduced_set(root, 'one')},nih={reduced_set(root, 'other', 70, 60)}"


def test_joined_sets_keep_who_is_of_which(roots):
    data = load_data("zhanglab,nih", roots, films=FilmOptions(image_size=(64, 64)))
    assert data.name == "zhanglab,nih" and data.populations == ("zhanglab", "nih")
    assert len(data.train_populations) == len(data.train) and data.train_populations[0] == 0
    assert len(data.calibration_populations) == len(data.calibration)
    own = data.validation.attributes["population"]
    assert set(own) == {"zhanglab", "nih"} and data.validation.names[0].startswith("zhanglab/")
    alone = load_data("nih", roots.split("nih=")[1], films=FilmOptions(image_size=(64, 64)))
    assert (data.train[data.train_populations == 1] == alone.train).all()


@pytest.mark.parametrize(
    ("dataset", "change", "message"),
    [
        ("zhanglab,nih", lambda roots: None, "folder each"),
        ("zhanglab,nih", lambda roots: roots.split(",")[0], "none is given for nih"),
        ("zhanglab,nih", lambda roots: roots + ",vindr=x", "'vindr' is not one"),
        ("nih,nih", lambda roots: roots, "twice"),
        ("zhanglab,nothing", lambda roots: roots.replace("nih=", "nothing="), "unknown data set"),
    ],
)
def test_what_cannot_be_joined_is_told(roots, dataset, change, message):
    with pytest.raises(DataError, match=message):
        load_data(dataset, change(roots))


def test_the_shifted_split_holds_out_the_normals_that_look_different(roots):
    root = roots.split(",")[0].removeprefix("zhanglab=")
    options = FilmOptions(image_size=(64, 64), split="shifted")
    data = load_data("zhanglab", root, films=options)
    held_out = data.validation.names[data.validation.labels == 0]
    assert len(held_out) >= 8 and set(held_out) <= {f"{index:03d}.png" for index in range(20)}
    assert (data.validation.labels == 1).sum() == 8  # 40 %, as in the plain split
    assert data.facts["split"] == "shifted"
    assert len(data.train) + len(data.calibration) + len(held_out) == 80
    again = load_data("zhanglab", root, films=options)
    assert again.fingerprint == data.fingerprint


def test_too_few_patients_for_a_shifted_split_are_told(tmp_path):
    folder = reduced_set(tmp_path, "few", normals=30, wide=5)
    with pytest.raises(DataError, match="too few to hold out"):
        load_data("zhanglab", str(folder), films=FilmOptions(split="shifted"))
