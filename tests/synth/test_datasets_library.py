"""What the real ``datasets`` library makes of a generated folder; no network."""

import json

import numpy as np
import pytest

from synth import AnatomyConfig, DigitAnatomy
from synth.factors import COLUMNS
from synth.generate import generate
from synth.plan import DatasetConfig

datasets = pytest.importorskip("datasets")
pytest.importorskip("pyarrow")


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    def load(layout):
        config = DatasetConfig(
            AnatomyConfig(generator=2, cell=16, starts=2), 4, 2, 3, 1, layout=layout
        )
        generate(tmp_path / "set", config)
        cache = str(tmp_path / "cache")
        return config, datasets.load_dataset(str(tmp_path / "set"), cache_dir=cache)

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return load


def test_a_parquet_folder_opens_with_pictures_class_labels_and_factors(loaded):
    config, data = loaded("parquet")
    assert {name: len(part) for name, part in data.items()} == {
        "train": 4, "validation": 2, "test": 3 + 13}  # fmt: skip
    features = data["test"].features
    assert isinstance(features["image"], datasets.Image)
    assert isinstance(features["mask"], datasets.Image)
    assert features["label"].names == ["normal", "abnormal"]
    for name, kind in COLUMNS.items():
        assert features[name].dtype == {str: "string", int: "int64", float: "float64"}[kind]
    row = data["test"].filter(lambda kind: kind == "repeated", input_columns="kind")[0]
    sample = DigitAnatomy(config.anatomy).sample("test", "repeated", 0)
    assert np.array_equal(np.asarray(row["image"]), sample.image)
    assert np.array_equal(np.asarray(row["mask"]) > 0, sample.mask)
    assert {name: row[name] for name in COLUMNS} == sample.factors
    assert json.loads(row["places"])[0]["saturation"] == sample.places[0].saturation


def test_an_imagefolder_opens_too(loaded):
    config, data = loaded("imagefolder")
    row = data["test"][-1]
    assert row["kind"] == "extra" and row["label"] == 1
    sample = DigitAnatomy(config.anatomy).sample("test", "extra", 0)
    assert np.array_equal(np.asarray(row["image"]), sample.image)
