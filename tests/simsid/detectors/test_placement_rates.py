"""Rates on real films: how many are held to be out of place, and how many others are not.

Films of ZhangLab (children) and NIH (adults), each as the training set of the other's. What lies
in ``shared/data`` beside the checkout is used when it is there; see docs/decisions/0006.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from simsid.data.images import read_image
from simsid.data.preprocess import Preprocessing
from simsid.detectors.placement import PlacementCheck, fit_placement
from simsid.detectors.population import PopulationCheck

DATA = Path(__file__).parents[4] / "shared" / "data"
PREPARE = Preprocessing((128, 128))
PICTURES = (
    "astronaut",
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "colorwheel",
    "grass",
    "gravel",
    "horse",
    "hubble_deep_field",
    "immunohistochemistry",
    "logo",
    "microaneurysms",
    "moon",
    "page",
    "retina",
    "rocket",
    "text",
)

pytestmark = pytest.mark.skipif(not (DATA / "cxr").is_dir(), reason="no films in ../shared/data")


def prepared(images) -> torch.Tensor:
    """uint8 or float images of any size, as a model gets them."""
    images = [i.astype(np.float32) / (255 if i.dtype == np.uint8 else 1) for i in images]
    return torch.from_numpy(np.stack([PREPARE.apply(i) for i in images]))[:, None]


def films_of(name: str) -> dict[str, torch.Tensor]:
    """Three parts: 'train' of normals, 'normal' of other patients, and 'abnormal'."""
    with open(DATA / "cxr" / name / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    patients = sorted({row["patient"] for row in rows if row["label"] == "normal"})
    aside = set(np.random.default_rng(4).permutation(patients)[: len(patients) // 5])
    parts: dict[str, list[np.ndarray]] = {"train": [], "normal": [], "abnormal": []}
    for row in rows:
        normal = row["label"] == "normal"
        part = "abnormal" if not normal else "normal" if row["patient"] in aside else "train"
        parts[part].append(read_image(DATA / "cxr" / name / row["file"]))
    return {part: prepared(images) for part, images in parts.items()}


def crops(image: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The whole image, then parts of 40 to 90 % of its height and width."""
    found = [image]
    while len(found) < count:
        rows, cols = (int(side * rng.uniform(0.4, 0.9)) for side in image.shape)
        top = rng.integers(image.shape[0] - rows + 1)
        left = rng.integers(image.shape[1] - cols + 1)
        found.append(image[top : top + rows, left : left + cols])
    return found


@pytest.fixture(scope="module")
def films():
    return {name: films_of(name) for name in ("zhanglab", "nih")}


@pytest.fixture(scope="module")
def strangers():
    """Images that are no chest films: pictures, digits, noise, a leg."""
    data = pytest.importorskip("skimage.data")
    grey = pytest.importorskip("skimage.color").rgb2gray
    rng = np.random.default_rng(11)
    images = []
    for name in PICTURES:
        picture = getattr(data, name)()
        picture = picture[..., :3] if picture.ndim == 3 else picture
        picture = grey(picture) if picture.ndim == 3 else picture / max(1, picture.max())
        images += crops(picture.astype(np.float32), 3, rng)
    digits = np.load(DATA / "digits" / "handwritten7k.npz")["images"]
    images += list(digits[:20])
    images += [rng.random((128, 128), np.float32) for _ in range(10)]
    images += [rng.normal(0.5, 0.15, (128, 128)).clip(0, 1) for _ in range(10)]
    images += crops(read_image(DATA / "dicom" / "leg_jpeg2000_monochrome1.dcm"), 10, rng)
    return prepared(images)


@pytest.mark.slow
@pytest.mark.parametrize(("trained", "other"), [("zhanglab", "nih"), ("nih", "zhanglab")])
def test_films_are_in_place_and_what_is_no_film_is_not(trained, other, films, strangers):
    check = PlacementCheck()
    fit_placement(check, films[trained]["train"])

    def share(images: torch.Tensor) -> float:
        return float(np.mean([bool(found) for found in check.findings(images)]))

    shares = {
        f"{trained} normal": share(films[trained]["normal"]),
        f"{trained} abnormal": share(films[trained]["abnormal"]),
        f"{other} normal": share(torch.cat([films[other]["train"], films[other]["normal"]])),
        f"{other} abnormal": share(films[other]["abnormal"]),
    }
    assert max(shares.values()) <= 0.02, shares
    held_out = films[trained]["normal"][:30]
    turned = [torch.rot90(held_out, turns, (2, 3)) for turns in (1, 3)]
    others = torch.cat([strangers, *turned, 1 - held_out])
    assert len(others) >= 200
    assert share(others) >= 0.95


@pytest.mark.slow
def test_sick_children_are_compared_with_children(films):
    """By distances alone 45 % of them were judged by the normals of adults (decision 15)."""
    check = PopulationCheck()
    trained = [films[name]["train"] for name in ("zhanglab", "nih")]
    check.fit(torch.cat(trained), torch.tensor([0] * len(trained[0]) + [1] * len(trained[1])))

    def share(name: str, label: str, own: int) -> float:
        return float((check.nearest(films[name][label]) == own).float().mean())

    assert share("zhanglab", "normal", 0) >= 0.95 and share("nih", "normal", 1) >= 0.95
    assert share("zhanglab", "abnormal", 0) >= 0.75 and share("nih", "abnormal", 1) >= 0.95
    by_distance = check.distances(films["zhanglab"]["abnormal"]).argmin(1) == 0
    assert by_distance.float().mean() <= 0.65
