import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import hub
from hub.__main__ import main
from hub.cache import FILES
from hub.errors import HubError
from hub.names import parse_name
from hub.pull import pull
from hub.push import collect, push
from simsid.data.sets.digitanatomy import make_digitanatomy

ROOT = Path(hub.__file__).parent.parent


@pytest.fixture(scope="module")
def images():
    data = make_digitanatomy(train=1, calibration=1, validation=0, test_normal=3, test_per_kind=1)
    return data.test.images


def _push(folder, name="me/digits", **options):
    items, described = collect(folder)
    return push(items, described, parse_name(name), **options)


def _change(folder, file, **changes):
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(content | changes))


def _set_data(folder, **data):
    facts = json.loads((folder / "config.json").read_text())["facts"]
    _change(folder, "config.json", facts=facts | {"data": facts["data"] | data})


def test_a_pushed_model_comes_back_equal_to_the_bit(server, folder, images):
    commit = _push(folder)
    here, there = hub.load(folder).predict(images), hub.load("me/digits").predict(images)
    assert np.array_equal(here.score, there.score)
    assert np.array_equal(here.anomaly_map, there.anomaly_map)
    assert np.array_equal(here.reconstruction, there.reconstruction)
    assert hub.load("me/digits").facts["hub"] == {"repository": "me/digits", "commit": commit}
    uploads = [path for method, path in server.requests if method == "PUT"]
    assert len(uploads) == 1 and uploads[0].startswith("/lfs/")  # the weights went by LFS


@pytest.mark.slow
def test_the_command_lines_do_the_same_with_nothing_but_hf_endpoint(server, folder, tmp_path):
    settings = {
        "HF_ENDPOINT": server.endpoint,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": "hf_member",
    }

    commands = [
        ["push", str(folder), "me/digits"],
        ["pull", "me/digits", "--revision", "main", "--out", str(tmp_path / "copy")],
        ["list"],
        ["verify", "me/digits"],
        ["verify", str(tmp_path / "copy")],
    ]
    script = f"from hub.__main__ import main\nfor words in {commands!r}: main(words)"
    done = subprocess.run(  # one process: importing torch is what takes time
        [sys.executable, "-c", script],
        cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    commit = re.search(r'hub\.load\("me/digits@([0-9a-f]{40})"\)', done.stdout)[1]
    for file in ("model.safetensors", "config.json", "calibration.json"):
        assert (tmp_path / "copy" / file).read_bytes() == (folder / file).read_bytes()
    assert f"\nme/digits@{commit}  simsid" in done.stdout
    assert done.stdout.count("ok: simsid, sha256 sums agree") == 2


def test_a_pulled_model_opens_again_without_asking_anyone(server, folder):
    commit = _push(folder)
    hub.load("me/digits")
    server.requests.clear()
    hub.load("me/digits")
    hub.load(f"me/digits@{commit}")
    assert server.requests == []


def test_a_pull_takes_what_the_branch_stands_for_now_and_a_commit_stays(server, folder):
    first = _push(folder)
    assert pull(parse_name("me/digits")).commit == first
    _change(folder, "config.json", versions={"simsid": "0.2"})
    second = _push(folder)
    assert hub.load("me/digits").facts["hub"]["commit"] == first  # until somebody pulls
    assert pull(parse_name("me/digits")).commit == second
    assert hub.load("me/digits").facts["hub"]["commit"] == second
    assert pull(parse_name(f"me/digits@{first}")).commit == first


def test_a_pull_fetches_the_known_files_only(server, folder):
    _push(folder)
    repository = server.repositories["me/digits"]
    repository.commit("main", {"notes.txt": b"hello", "images/film.png": b"film"})
    fetched = pull(parse_name("me/digits")).folder
    assert sorted(path.name for path in fetched.iterdir()) == sorted(FILES)


def test_a_push_goes_to_the_branch_that_was_named(server, folder):
    commit = _push(folder, "me/digits@trial")
    assert server.repositories["me/digits"].refs["trial"] == commit
    assert hub.load("me/digits@trial").facts["hub"]["commit"] == commit
    with pytest.raises(HubError, match="is not a model folder of this kit"):
        hub.load("me/digits")


def test_a_dry_run_lists_files_with_size_and_sum_and_sends_nothing(server, folder, capsys):
    assert main(["push", str(folder), "me/digits", "--dry-run"]) == 0
    told = capsys.readouterr().out
    for file in FILES:
        assert re.search(rf"^[0-9a-f]{{64}} +\d+  {re.escape(file)}$", told, re.MULTILINE)
    assert server.requests == []


def test_the_shared_card_has_every_section_and_keeps_what_was_measured(server, folder):
    before = (folder / "README.md").read_text()
    _push(folder)
    repository = server.repositories["me/digits"]
    card = repository.commits[repository.refs["main"]]["README.md"].decode()
    assert card.startswith(before.rstrip())
    for title in (
        "Measured", "Intended use", "Out of scope", "Training data", "Preprocessing", "Limits",
        "How to reproduce",
    ):  # fmt: skip
        assert card.count(f"\n## {title}\n") == 1
    assert "python -m simsid.train --dataset digitanatomy" in card
    assert "Apache-2.0" in card and "a2e4b7cde757d87c" in card
    assert yaml.safe_load(card.split("---")[1])["model-index"]
    assert (folder / "README.md").read_text() == before


# --- what is not shared ---------------------------------------------------------------------


def test_a_model_without_measured_numbers_is_not_shared(server, folder):
    card = folder / "README.md"
    text = card.read_text()
    for spoiled in (None, "# my model\nvery good\n", text.replace("model-index", "model-hopes")):
        card.unlink(missing_ok=True)
        if spoiled is not None:
            card.write_text(spoiled)
        with pytest.raises(HubError, match=r"simsid\.evaluate --model RUN .* --card"):
            _push(folder)
    assert server.requests == []


def test_numbers_of_other_weights_are_not_shared(server, folder):
    with (folder / "README.md").open("a") as card:
        card.write(f"\nMeasured with weights of sha256 {'0' * 64}.\n")
    with pytest.raises(HubError, match="measured with other weights"):
        _push(folder)


@pytest.mark.parametrize("name", ["chexpert", "padchest"])
def test_data_whose_terms_forbid_it_goes_to_private_or_gated_only(server, folder, name):
    _set_data(folder, name=name)
    with pytest.raises(HubError, match=r"data use agreement.*--private"):
        _push(folder, i_may_share=True)
    assert "me/digits" not in server.repositories
    _push(folder, private=True)
    assert server.repositories["me/digits"].private
    server.add("me/open", {})
    with pytest.raises(HubError, match="may not be published"):
        _push(folder, "me/open")
    with pytest.raises(HubError, match="exists and is not private"):
        _push(folder, "me/open", private=True)
    server.add("me/gated", {}, gated=True)
    _push(folder, "me/gated")


def test_unknown_data_needs_a_word_of_its_owner(server, folder, capsys):
    for data in ({"name": "folder"}, {"config": {"digits": "mine.npz"}}):
        _set_data(folder, **data)
        assert main_fails(["push", str(folder), "me/digits", "--dry-run"])
        with pytest.raises(HubError, match=r"terms this kit does not know.*--i-may-share"):
            _push(folder)
    assert "me/digits" not in server.repositories
    _push(folder, i_may_share=True)


def main_fails(arguments):
    with pytest.raises(HubError):
        main(arguments)
    return True
