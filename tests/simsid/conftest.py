from __future__ import annotations

from collections.abc import Iterator

import pytest

from simsid.data.datasets import RadiographData
from simsid.detectors import registry
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
