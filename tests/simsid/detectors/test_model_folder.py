import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from simsid.detectors import load_model, save_model
from simsid.detectors import model_folder as model_folders
from simsid.detectors.model_files import ModelFolder
from simsid.detectors.model_folder import fingerprint, former_fingerprint, model_folder_of
from simsid.errors import ModelFolderError
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs, tiny_simsid


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    save_model(fit(tiny_simsid(), blobs(30), epochs=1, batch_size=8, device="cpu"), folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    import shutil

    return shutil.copytree(saved, tmp_path / "model")


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_the_folder_holds_what_the_contract_says_and_no_pickle(saved):
    assert sorted(p.name for p in saved.iterdir()) == [
        "calibration.json", "config.json", "model.safetensors", "training_films.safetensors",
    ]  # fmt: skip


def test_weights_that_only_training_needs_are_left_out(saved):
    names = load_file(saved / "model.safetensors")
    assert not any("teacher" in name for name in names)


def test_saving_again_replaces_the_folder_whole_and_keeps_the_card(folder):
    (folder / "README.md").write_text("card")
    detector = load_model(folder)
    save_model(detector, folder)
    assert (folder / "README.md").read_text() == "card"
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


def test_settings_that_a_later_version_adds_leave_the_fingerprint_as_it_is(folder, monkeypatch):
    before = fingerprint(load_model(folder))
    assert former_fingerprint(load_model(folder)) == before
    describe = model_folders.describe

    def with_a_new_setting(detector):
        told = describe(detector)
        return told | {"config": told["config"] | {"new": 0.0}}

    monkeypatch.setattr(model_folders, "describe", with_a_new_setting)
    assert fingerprint(load_model(folder)) == before
    assert former_fingerprint(load_model(folder)) != before


@pytest.mark.parametrize("what", ["setting", "preparation", "facts", "calibration", "weights"])
def test_whatever_changes_results_changes_the_fingerprint(what, folder):
    detector = load_model(folder)
    before = fingerprint(detector)
    if what == "setting":
        detector.config = replace(detector.config, map_floor=detector.config.map_floor + 0.1)
    elif what == "preparation":
        detector.preprocessing = replace(detector.preprocessing, window=(1.0, 99.0))
    elif what == "facts":
        detector.facts = detector.facts | {"recalibrated": {}}
    elif what == "calibration":
        detector.calibration = replace(detector.calibration, false_alarm_rate=0.2)
    else:
        detector.region_mean += 1
    assert fingerprint(detector) != before


def test_a_run_folder_opens_its_model(folder):
    assert load_model(folder.parent).name == "simsid"


@pytest.mark.parametrize("name", ["config.json", "calibration.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelFolderError, match=name):
        load_model(folder)


@pytest.mark.parametrize("name", ["config.json", "calibration.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": 1}'])
def test_a_damaged_file_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(ModelFolderError, match=name):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format_version=99), "format 99"),
        (lambda c: c.update(detector="unheard-of"), "unheard-of"),
        (lambda c: c.update(detector=["simsid"]), "config.json"),
        (lambda c: c["config"].update(slot_dim=24), "shape"),
        (lambda c: c["config"].update(grid_size=[3, 3]), "config.json"),
        (lambda c: c["config"].update(unknown=1), "unknown"),
        (lambda c: c["config"].update(weights={"nonsense": 1}), "nonsense"),
        (lambda c: c["config"].update(slot_dim="wide"), "config.json"),
        (lambda c: c.update(config=None), "config.json"),
        (lambda c: c["config"].update(grid_size=[0, 3]), "config.json"),
        (lambda c: c["config"].update(image_size=[96]), "image_size"),
        (lambda c: c["config"].update(channels=[]), "config.json"),
        (lambda c: c["config"].update(fusion=3), "fusion"),
        (lambda c: c["config"].update(reduce="sum"), "reduce"),
        (lambda c: c["config"].update(map_floor="x"), "map_floor"),
        (lambda c: c["config"].update(read_scale=None), "read_scale"),
        (lambda c: c["config"].update(weights=3), "weights"),
        (lambda c: c["image"].update(range=[0, 255]), "255"),
        (lambda c: c["image"].update(height=7), "7"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(folder, change, message):
    edit(folder / "config.json", change)
    with pytest.raises(ModelFolderError, match=message):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("normal_mean", torch.float64),
        ("normal_mean", torch.bfloat16),
        ("placement.fitted", torch.float16),  # half precision stands for float32 alone
    ],
)
def test_weights_of_another_kind_of_number_are_refused(folder, name, kind):
    weights = load_file(folder / "model.safetensors")
    weights[name] = weights[name].to(kind)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match=name):
        load_model(folder)


def test_four_bit_weights_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    four_bits = torch.zeros_like(weights["normal_mean"], dtype=torch.uint8)
    weights["normal_mean"] = four_bits.view(torch.float4_e2m1fn_x2)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match="normal_mean"):
        load_model(folder)


def test_weights_that_are_not_finite_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    weights["normal_mean"][0, 0, 0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match="normal_mean"):
        load_model(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["scores"].update(reconstruction=[[1.0], [2.0]]),
        lambda c: c["scores"].update(reconstruction=[1.0]),
        lambda c: c.update(map_quantiles=[1.0]),
        lambda c: c.update(false_alarm_rate=2),
        lambda c: c.update(scores=3),
    ],
)
def test_calibration_that_makes_no_sense_is_refused(folder, change):
    edit(folder / "calibration.json", change)
    with pytest.raises(ModelFolderError, match=r"calibration\.json"):
        load_model(folder)


def test_nested_json_is_refused(folder):
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelFolderError, match=r"config\.json is damaged"):
        load_model(folder)


def test_a_disk_that_fills_up_keeps_the_old_folder(folder, monkeypatch):
    from safetensors import SafetensorError

    from simsid.detectors import model_folder

    def full(*_, **__):
        raise SafetensorError("I/O error: No space left on device")

    detector = load_model(folder)
    monkeypatch.setattr(model_folder, "save_file", full)
    with pytest.raises(ModelFolderError, match="what was there is kept"):
        save_model(detector, folder)
    assert load_model(folder).name == "simsid"
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


def test_calibration_without_a_score_is_refused(folder):
    edit(folder / "calibration.json", lambda c: c["scores"].pop("reconstruction"))
    with pytest.raises(ModelFolderError, match="reconstruction"):
        load_model(folder)


def test_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ModelFolderError, match="no model folder"):
        load_model(tmp_path / "nothing")


def test_loading_does_not_touch_the_random_state(folder):
    before = torch.get_rng_state()
    load_model(folder)
    assert torch.equal(before, torch.get_rng_state())


def test_a_loaded_model_scores_like_the_saved_one(saved):
    one, two = load_model(saved), load_model(saved)
    images = blobs(4, seed=5)
    assert np.array_equal(one.predict(images).score, two.predict(images).score)


def test_a_bundled_model_opens_by_its_name_wherever_a_folder_does():
    folder = model_folder_of("bundled:digitanatomy")
    assert folder.name == "digitanatomy" and ModelFolder(folder).weights.is_file()
    assert load_model("bundled:digitanatomy").facts["data"]["name"] == "digitanatomy"


def test_an_unknown_bundled_model_is_refused_with_those_that_there_are():
    with pytest.raises(ModelFolderError, match=r"no bundled model 'bundled:knees'.*bundled:chest"):
        load_model("bundled:knees")
