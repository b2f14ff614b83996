"""A model knows the films that it was trained on, and takes none of them for new normals."""

from __future__ import annotations

import copy
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import hub
from hub.push import collect
from hub.verify import verify
from simsid.detectors import load_model, save_model, untrusted
from simsid.detectors.calibration import Calibration
from simsid.detectors.model_files import CALIBRATION, FILMS, ModelFolder
from simsid.detectors.model_folder import fingerprint
from simsid.detectors.recalibration import recalibrate
from simsid.detectors.training_films import TrainingFilms
from simsid.detectors.untrusted import MOST_BYTES
from simsid.detectors.usable_normals import get_a_verdict, usable_normals
from simsid.errors import ModelFolderError, SimsidError
from simsid.evaluation.content import sections_of, summary_of
from simsid.evaluation.evaluate import evaluate
from simsid.evaluation.seen import seen_told
from simsid.recalibrate import main
from simsid.training.fit import fit
from simsid.training.transfer import begin_from
from tests.simsid.helpers import make_data, make_detector
from tests.simsid.training.tiny import blobs, tiny_squid
from tests.simsid.two_populations import films_of, make_grey_two, write_films


@pytest.fixture
def two():
    """A model of two populations that was trained on 20 of the narrow films below."""
    detector = make_grey_two()
    detector.training_films = TrainingFilms.of(films_of("narrow", 60, 70)[:20])
    return detector


def test_a_film_is_known_by_its_pixels_in_either_type_and_by_no_other_film():
    films = blobs(20)
    known = TrainingFilms.of(films[:15])
    assert known.seen(films).tolist() == [True] * 15 + [False] * 5
    prepared = np.round(films.astype(np.float32)) / np.float32(255)
    assert known.seen(prepared).tolist() == [True] * 15 + [False] * 5
    other = films[:1].copy()
    other[0, 5, 5] ^= 1
    assert not known.seen(other).any() and not known.seen(films[:1, :, ::-1]).any()
    assert not known.seen(films[:1].reshape(1, 16, 64)).any()
    assert len(known) == 15 and len(known.joined(TrainingFilms.of(films[10:]))) == 20


def test_eight_bytes_a_film_are_written_and_read_again(tmp_path):
    known = TrainingFilms.of(blobs(15))
    known.write(tmp_path / FILMS)
    assert load_file(tmp_path / FILMS)["films"].nbytes == 15 * 8
    again = TrainingFilms.read(tmp_path / FILMS)
    assert again is not None and np.array_equal(again.hashes, known.hashes)
    assert again.hashes.dtype == np.uint64 and again.seen(blobs(15)).all()
    assert TrainingFilms.read(tmp_path / "none") is None


@pytest.mark.parametrize(
    "content",
    [
        {"films": np.zeros((3, 7), np.uint8)},
        {"films": np.zeros(8, np.uint8)},
        {"films": np.zeros((3, 8), np.int8)},
        {"other": np.zeros((3, 8), np.uint8)},
        {"films": np.zeros((3, 8), np.uint8), "more": np.zeros(1, np.uint8)},
    ],
)
def test_what_is_no_list_of_films_is_refused(content, tmp_path):
    save_file(content, tmp_path / FILMS)
    with pytest.raises(ModelFolderError, match="Take it away"):
        TrainingFilms.read(tmp_path / FILMS)


def test_whatever_is_trained_knows_its_films_and_those_it_began_from(tmp_path):
    images = blobs(30)
    first = fit(tiny_squid(), images[:20], blobs(10, 5), epochs=1, batch_size=8, device="cpu")
    assert first.training_films.seen(images).tolist() == [True] * 20 + [False] * 10
    assert not first.training_films.seen(blobs(10, 5)).any()  # calibrated on, not trained
    save_model(first, tmp_path / "model")
    second = tiny_squid()
    begin_from(second, load_model(tmp_path / "model"), "model")
    fit(second, images[20:], blobs(10, 5), epochs=1, batch_size=8, device="cpu")
    assert second.training_films.seen(images).all()


def test_folder_fingerprint_push_and_pull_are_as_before_but_for_one_file(tmp_path):
    folder = shutil.copytree(hub.BUNDLED_FOLDER / "digitanatomy", tmp_path / "model")
    detector = load_model(folder)
    assert detector.training_films is None  # bundled models do not know theirs
    save_model(detector, folder)
    before = fingerprint(load_model(folder)), collect(folder)[0]
    detector.training_films = TrainingFilms.of(np.zeros((3, 96, 96), np.uint8))
    save_model(detector, folder)
    assert (folder / FILMS).stat().st_mode & 0o777 == 0o644
    assert fingerprint(load_model(folder)) == before[0]
    assert len(verify(folder).detector.training_films) == 1  # three films alike
    assert FILMS not in [item.name for item in collect(folder)[0]]
    assert [item.name for item in collect(folder)[0]] == [item.name for item in before[1]]
    detector.training_films = None
    save_model(detector, folder)  # a model that does not know its films leaves no former list
    assert not ModelFolder(folder).films.exists()


def test_no_threshold_is_set_by_films_that_training_saw(two):
    normals = films_of("narrow", 60, 70)
    batch = two.as_batch(normals)
    usable = usable_normals(two, batch)
    assert usable.kept.tolist() == [False] * 20 + [True] * 40
    assert list(usable.left_out.values()) == [20]
    assert next(iter(usable.left_out)).startswith("in this model's training")
    assert usable_normals(two, batch, seen=True).kept.all()  # for who sets no threshold
    assert get_a_verdict(two, batch).all()  # they are judged as all others
    own = recalibrate(two, normals)
    assert own.calibration.num_normals == 40
    assert own.facts["recalibrated"]["left_out"] == usable.left_out
    assert own.training_films is not None and own.training_films.seen(normals[:20]).all()
    with pytest.raises(SimsidError, match=r"are too few .* left out: 20 are in this model's train"):
        recalibrate(two, normals[:35])
    unaware = copy.deepcopy(two)
    unaware.training_films = None  # as models of before
    assert recalibrate(unaware, normals).calibration.num_normals == 60


def test_the_command_warns_and_goes_on_with_the_others(two, tmp_path, capsys):
    save_model(two, tmp_path / "model")
    films = write_films(tmp_path / "films", films_of("narrow", 60, 70))
    asked = ["--model", str(tmp_path / "model"), "--normals", str(films)]
    assert main([*asked, "--out", str(tmp_path / "own")]) == 0
    said = capsys.readouterr().out
    assert "recalibrated on 40 films" in said
    assert "warning: left out: 20 films, in this model's training: such films score lower" in said
    assert load_model(tmp_path / "own").training_films.seen(films_of("narrow", 60, 70)[:20]).all()
    assert "which films training saw" not in said
    two.training_films = None  # as models of before
    save_model(two, tmp_path / "unaware")
    asked = ["--model", str(tmp_path / "unaware"), "--normals", str(films)]
    assert main([*asked, "--out", str(tmp_path / "unaware-own")]) == 0
    assert capsys.readouterr().out.endswith(
        "note: this model does not tell which films training saw: if some of these were among them, "
        "the rate does not hold\n"
    )


def test_a_model_of_a_million_films_is_saved_and_opened_again(tmp_path):
    """With the hundred thousand calibration normals that are held out of them."""
    detector = make_detector(make_data())
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(size=100_000) for name in detector.score_names}
    detector.calibration = Calibration(scores, 0.05)
    detector.training_films = TrainingFilms(np.arange(1_000_000, dtype=np.uint64))
    save_model(detector, tmp_path / "m")
    own = load_model(tmp_path / "m", of_class=type(detector))
    assert own.training_films is not None and len(own.training_films) == 1_000_000
    assert own.calibration.num_normals == 100_000
    written = (tmp_path / "m" / CALIBRATION).stat().st_size
    assert MOST_BYTES[CALIBRATION] > 10 / len(scores) * written  # methods have up to ten scores


@pytest.mark.parametrize("name", [FILMS, CALIBRATION])
def test_what_nobody_could_open_again_is_not_saved(name, two, tmp_path, monkeypatch):
    save_model(two, tmp_path / "m")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    monkeypatch.setitem(MOST_BYTES, name, len(before[name]) - 1)
    remedy = {FILMS: "train on fewer films", CALIBRATION: "calibrate on fewer normals"}[name]
    with pytest.raises(ModelFolderError) as refused:
        save_model(two, tmp_path / "m")
    size = len(before[name])
    assert str(refused.value) == (
        f"cannot write {tmp_path / 'm'}: its {name} would have {size} bytes, more than the {size - 1} "
        f"allowed: {remedy}; what was there is kept"
    )
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before
    monkeypatch.setitem(MOST_BYTES, name, len(before[name]))
    save_model(two, tmp_path / "m")
    assert len(load_model(tmp_path / "m").training_films) == 20


def test_more_values_than_a_folder_may_hold_are_not_saved(two, tmp_path, monkeypatch):
    save_model(two, tmp_path / "m")
    text = (tmp_path / "m" / CALIBRATION).read_text()
    values = sum(map(text.count, ",[{"))
    monkeypatch.setattr(untrusted, "MOST_VALUES", values - 1)
    with pytest.raises(ModelFolderError, match=f"damaged: it holds more than {values - 1} values"):
        load_model(tmp_path / "m")
    told = f"its {CALIBRATION} would have {values} values, more than the {values - 1} allowed: "
    with pytest.raises(ModelFolderError) as refused:  # nothing was there that could be kept
        save_model(two, tmp_path / "new")
    assert str(refused.value).endswith(f"new: {told}calibrate on fewer normals")
    with pytest.raises(ModelFolderError) as refused:
        save_model(two, tmp_path / "m")
    assert str(refused.value).endswith("calibrate on fewer normals; what was there is kept")
    assert (tmp_path / "m" / CALIBRATION).read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    monkeypatch.setattr(untrusted, "MOST_VALUES", values)
    save_model(two, tmp_path / "m")
    assert load_model(tmp_path / "m").calibration.num_normals == two.calibration.num_normals


def test_a_report_warns_of_films_that_training_saw():
    data = make_data()
    detector = make_detector(data)
    results = evaluate(detector, data).results
    assert results["seen_in_training"] is None and seen_told(None) == ""
    normal = data.test.labels == 0
    detector.training_films = TrainingFilms.of(data.test.images[normal][:12])
    results = evaluate(detector, data).results
    total = int(normal.sum())
    assert results["seen_in_training"] == {
        "normals": [12, total],
        "abnormals": [0, len(normal) - total],
    }
    told = f"12 of the {total} normals were in this model's training"
    assert f"warning: {told}" in summary_of(results, None)
    assert told in str(sections_of(results, {}, None))
    detector.training_films = TrainingFilms.of(data.train)
    assert "in this model's training" not in summary_of(evaluate(detector, data).results, None)
