from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simsid.data.datasets import RadiographData
from simsid.detectors import registry, save_model
from tests.simsid.helpers import MeanImageDetector, make_data, make_detector


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
