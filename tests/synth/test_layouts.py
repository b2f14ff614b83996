import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from synth import AnatomyConfig, DigitAnatomy
from synth.encode import pixels
from synth.generate import generate
from synth.layouts import LAYOUTS
from synth.plan import DatasetConfig, list_entries
from synth.verify import verify

SMALL = {"train": 10, "val": 8, "test_normal": 3, "test_per_kind": 2}


def small(layout: str, npz, **anatomy) -> DatasetConfig:
    return DatasetConfig(AnatomyConfig(digits=str(npz), cell=16, **anatomy), **SMALL, layout=layout)


@pytest.fixture(params=LAYOUTS)
def layout(request):
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return request.param


def test_every_layout_holds_the_same_samples(layout, npz, tmp_path):
    config = small(layout, npz, contamination=0.2)
    manifest = generate(tmp_path / "out", config)
    anatomy = DigitAnatomy(config.anatomy)
    entries = {entry.id: entry for entry in list_entries(config, anatomy)}
    seen = []
    for read in LAYOUTS[layout].read(tmp_path / "out"):
        entry = entries[read.id]
        sample = anatomy.sample(entry.split, entry.kind, entry.index)
        assert np.array_equal(read.image, sample.image)
        if layout == "mvtec" and entry.kind == "normal":
            assert read.mask is None
        else:
            assert np.array_equal(read.mask, sample.mask * np.uint8(255))
        seen.append(read.id)
    assert sorted(seen) == sorted(entries)
    assert len(seen) == 10 + 8 + 4 * 2 + 3 + 4 * 2
    assert verify(tmp_path / "out") == []
    reference = generate(tmp_path / "reference", small("mvtec", npz, contamination=0.2))
    assert manifest["pixels_sha256"] == reference["pixels_sha256"]


def test_equal_parameters_write_equal_bytes(layout, npz, tmp_path):
    first = generate(tmp_path / "a", small(layout, npz))
    second = generate(tmp_path / "b", small(layout, npz))
    assert first == second


def test_mvtec_puts_files_where_its_readers_look(npz, tmp_path):
    manifest = generate(tmp_path / "out", small("mvtec", npz, contamination=0.1))
    for path in (
        "train/good/0009.png",
        "val/good/0007.png",
        "val/flipped/0001.png",
        "ground_truth_val/flipped/0001_mask.png",
        "test/good/0002.png",
        "test/novel/0001.png",
        "ground_truth/novel/0001_mask.png",
    ):
        assert (tmp_path / "out" / path).is_file(), path
    assert not (tmp_path / "out/ground_truth/good").exists()
    mask = np.asarray(Image.open(tmp_path / "out/ground_truth/novel/0001_mask.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert manifest["contaminated"] == ["train/good/0009"]
    assert (tmp_path / "out/ground_truth_train/good/0009_mask.png").is_file()


def test_imagefolder_rows_name_image_mask_label_and_kind(npz, tmp_path):
    generate(tmp_path / "out", small("imagefolder", npz))
    lines = (tmp_path / "out/test/metadata.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 11
    assert {row["label"] for row in rows} == {0, 1}
    for row in rows:
        assert (row["kind"] == "normal") == (row["label"] == 0)
        assert (tmp_path / "out/test" / row["file_name"]).is_file()
        mask = pixels((tmp_path / "out/test" / row["mask_file_name"]).read_bytes())
        assert mask.any() == row["label"]


def test_parquet_declares_pictures_for_the_hub(npz, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    generate(tmp_path / "out", small("parquet", npz))
    table = parquet.read_table(tmp_path / "out/test.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == features["mask"] == {"_type": "Image"}
    assert table.column("kind").to_pylist()[:4] == ["normal"] * 3 + ["novel"]
    assert json.loads(table.column("cells")[-1].as_py())[0]["action"] == "flipped"


def test_webdataset_shards_hold_three_members_a_sample_and_no_time(npz, tmp_path):
    generate(tmp_path / "out", small("webdataset", npz))
    with tarfile.open(tmp_path / "out/val-000000.tar") as tar:
        names = tar.getnames()
        assert names[:3] == ["0000.png", "0000.mask.png", "0000.json"]
        assert len(names) == 3 * 16
        assert {member.mtime for member in tar} == {0}


def test_card_tells_the_hub_where_the_splits_are(layout, npz, tmp_path):
    generate(tmp_path / "out", small(layout, npz))
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert card.startswith("---\npretty_name: DigitAnatomy\n")
    assert ("split: validation" in card) == (layout != "mvtec")
    assert "| test | flipped | 2 |" in card
    assert str(tmp_path) not in card, "a card is published: no folder of the author's machine"


def test_manifest_holds_parameters_and_every_cell_but_no_machine_path(npz, tmp_path):
    generate(tmp_path / "out", small("mvtec", npz, difficulty=0.5))
    text = (tmp_path / "out/manifest.json").read_text()
    assert str(tmp_path) not in text
    manifest = json.loads(text)
    assert manifest["parameters"]["anatomy"]["digits"] == "glyphs.npz"
    assert manifest["parameters"]["anatomy"]["difficulty"] == 0.5
    for record in manifest["samples"]:
        assert bool(record["cells"]) == bool(record["label"])
