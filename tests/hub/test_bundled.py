import shutil
from pathlib import Path

import numpy as np
import pytest

import hub
from hub.__main__ import main
from hub.errors import HubError
from hub.sums import SUMS, read_sums, sha256_of
from simsid.cli import run_command
from simsid.data.load import load_data
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.errors import ModelFolderError
from simsid.scoring.film import check_placement

FILMS = Path(__file__).parents[3] / "shared" / "data" / "cxr" / "zhanglab"


def test_every_bundled_model_opens_twice_to_the_same_bit():
    assert hub.bundled_models() == [
        "bundled:digitanatomy",
        "bundled:chest",
        "bundled:zhanglab",
    ]
    for name in hub.bundled_models():
        one, two = hub.load(name), hub.load(name)
        images = np.random.default_rng(0).random((3, *one.image_size), np.float32)
        first, second = one.predict(images), two.predict(images)
        assert np.array_equal(first.score, second.score)
        assert np.array_equal(first.anomaly_map, second.anomaly_map)


def test_the_bundled_digits_model_tells_abnormal_from_normal():
    data = make_digitanatomy(train=1, calibration=1, validation=0, test_normal=30, test_per_kind=10)
    score = hub.load("bundled:digitanatomy").predict(data.test.images).score
    normal, abnormal = score[data.test.labels == 0], score[data.test.labels == 1]
    assert (abnormal[:, None] > normal[None]).mean() > 0.95


@pytest.mark.parametrize("name", ["chest", "digitanatomy", "zhanglab"])
def test_a_bundled_model_is_small_and_has_its_card(name):
    folder = hub.BUNDLED_FOLDER / name
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 8e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "not a medical device" in card.lower()


def test_the_chest_models_card_names_whose_films_they_were_and_who_they_were():
    card = (hub.BUNDLED_FOLDER / "zhanglab" / "README.md").read_text(encoding="utf-8")
    for words in (
        "CC BY 4.0",
        "10.17632/rscbjbr9sj.2",
        "Children",
        "one hospital",
        "aspect ratios",
    ):
        assert words in card


@pytest.mark.slow
@pytest.mark.skipif(not FILMS.is_dir(), reason="needs the films of ../shared/data")
def test_the_bundled_chest_model_tells_pneumonia_from_normal():
    detector = hub.load("bundled:zhanglab")
    data = load_data("zhanglab", str(FILMS), detector.preprocessing)
    score = detector.predict(data.validation.images).score
    normal, abnormal = score[data.validation.labels == 0], score[data.validation.labels == 1]
    assert (abnormal[:, None] > normal[None]).mean() > 0.95
    placement = check_placement(detector, data.validation.images / np.float32(255))
    assert np.mean([bool(findings) for findings in placement]) <= 0.02


def test_an_unknown_bundled_model_names_those_that_there_are():
    with pytest.raises(ModelFolderError, match="there are: bundled:digitanatomy"):
        hub.load("bundled:knees")


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """The bundled models in a place where they can be spoiled."""
    folder = Path(shutil.copytree(hub.BUNDLED_FOLDER, tmp_path / "bundled"))
    monkeypatch.setattr("simsid.detectors.bundled.FOLDER", folder)
    return folder


def verify(name: str) -> int:
    return run_command(lambda: main(["verify", name]))


FILES = ("README.md", "calibration.json", "config.json", "model.safetensors")


def test_the_committed_sums_are_those_of_the_bundled_files():
    """To renew: cd hub/bundled && sha256sum */* > SHA256SUMS."""
    found = [path for path in hub.BUNDLED_FOLDER.glob("*/*") if "__pycache__" not in path.parts]
    names = {path.relative_to(hub.BUNDLED_FOLDER).as_posix(): sha256_of(path) for path in found}
    assert read_sums(hub.BUNDLED_FOLDER / SUMS) == names
    assert {name.partition("/")[2] for name in names} == set(FILES)


def test_an_unspoilt_bundled_model_agrees_with_its_sums(copied, capsys):
    for name in ("bundled:zhanglab", str(copied / "zhanglab")):
        assert verify(name) == 0
        assert "sha256 sums agree" in capsys.readouterr().out


@pytest.mark.parametrize("file", FILES)
def test_a_changed_byte_in_a_bundled_file_is_told_by_name(copied, capsys, file):
    path = copied / "digitanatomy" / file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert verify("bundled:digitanatomy") == 2
    told = capsys.readouterr().err
    assert f"digitanatomy/{file} is corrupt" in told and "install the kit again" in told
    assert verify("bundled:zhanglab") == 0


def test_a_bundled_file_or_list_that_is_missing_is_told(copied, capsys):
    (copied / "digitanatomy" / "README.md").unlink()
    assert verify("bundled:digitanatomy") == 2
    assert "README.md is missing" in capsys.readouterr().err
    (copied / SUMS).unlink()
    assert verify("bundled:zhanglab") == 2
    assert f"has no {SUMS}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    ["../secret.json", "/etc/passwd", "a/../b", "a/b/c", ".hidden", "a/.hidden", "..", "a/.."],
)
def test_sums_of_a_name_that_leads_elsewhere_are_no_sums(tmp_path, name):
    (tmp_path / SUMS).write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(HubError, match="not a list of sha256 sums"):
        read_sums(tmp_path / SUMS)
