from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from simsid.data.datasets import RadiographData
from simsid.detectors import base, methods, registry, save_model  # noqa: F401 (all are registered)
from simsid.detectors.placement import PlacementCheck, fit_placement
from simsid.detectors.placement.fit import MIN_NORMALS
from simsid.evaluation import style
from tests.simsid.helpers import MeanImageDetector, make_data, make_detector


@pytest.fixture(scope="session", autouse=True)
def placement_is_learnt_once(of_the_run: Path) -> Iterator[None]:
    """What the same normals teach is the same to the bit, and took most of a small training's time.

    It is kept where all processes of this run find it. ``fit_placement`` itself is left as it is.
    """
    folder = of_the_run / "placement"
    folder.mkdir(exist_ok=True)

    def fit_once(check: PlacementCheck, images: Tensor, seed: int = 0) -> None:
        if len(images) < MIN_NORMALS:
            return  # as fit_placement does
        pixels = images.cpu().contiguous().numpy()
        told = f"{pixels.shape} {pixels.dtype} {seed}".encode()
        path = folder / hashlib.sha256(told + pixels.tobytes()).hexdigest()
        if not path.exists():
            learnt = PlacementCheck()
            fit_placement(learnt, images, seed)
            mine = path.with_suffix(f".{os.getpid()}")
            save_file(learnt.state_dict(), mine)
            mine.replace(path)
        for name, value in load_file(path).items():
            getattr(check, name).copy_(value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "fit_placement", fit_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def figures_have_few_pixels() -> Iterator[None]:
    """A quarter of a report's time went into pixels that no test looks at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 40)
        yield


@pytest.fixture(scope="session")
def data() -> RadiographData:
    return make_data()


@pytest.fixture
def detector(data: RadiographData) -> MeanImageDetector:
    return make_detector(data)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test detector can be loaded from a model folder."""
    known = {**registry._DETECTORS, MeanImageDetector.name: MeanImageDetector}
    monkeypatch.setattr(registry, "_DETECTORS", known)
    return


@pytest.fixture
def model(data: RadiographData, tmp_path: Path, registered: None) -> Path:
    """The test detector's model folder."""
    save_model(make_detector(data), tmp_path / "model")
    return tmp_path / "model"
