"""Every failure is one plain sentence, with a code, and no traceback."""

import json

import pytest
from huggingface_hub import constants

import hub
from hub.__main__ import main
from hub.cache import FILES
from hub.errors import HubError
from hub.names import parse_name
from hub.pull import pull
from hub.push import collect, push
from simsid.cli import run_command
from simsid.errors import ModelFolderError, SimsidError


@pytest.fixture
def shared(server, folder):
    items, described = collect(folder)
    push(items, described, parse_name("me/digits"))
    return server


def _sentence(name, error=HubError):
    with pytest.raises(error) as caught:
        hub.load(name)
    message = str(caught.value)
    assert "\n" not in message and "Traceback" not in message and len(message) < 400
    return getattr(caught.value, "code", None), message


def _replace(server, **files):
    server.repositories["me/digits"].commit(
        "main", {n.replace("__", "."): c for n, c in files.items()}
    )


def test_no_network(server, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    code, message = _sentence("me/digits")
    assert code == "no_network" and "bundled and cached models" in message
    assert sum(slept) < 3


def test_offline_mode_is_no_network(server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert _sentence("me/digits")[0] == "no_network"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_hub_that_is_down_is_no_network(shared, status):
    shared.failing = status
    code, message = _sentence("me/digits")
    assert code == "no_network" and str(status) in message


@pytest.mark.usefixtures("stranger")
def test_no_such_repository(server):
    assert _sentence("me/nothing") == (
        "no_repository",
        "there is no repository me/nothing on the Hub, or it is private and you are not logged in "
        "to an account that may see it: check the name, or hf auth login",
    )


def test_a_private_repository_is_not_told_from_none(shared, stranger):
    shared.repositories["me/digits"].private = True
    assert _sentence("me/digits")[0] == "no_repository"


def test_a_gated_repository_says_how_to_get_in(shared, stranger):
    shared.repositories["me/digits"].gated = True
    code, message = _sentence("me/digits")
    assert code == "gated" and "ask for access" in message


def test_no_such_revision(shared):
    assert _sentence(f"me/digits@{'0' * 40}")[0] == "no_revision"
    assert _sentence("me/digits@nowhere") == (
        "no_revision",
        "me/digits has no revision 'nowhere': leave it out for the newest",
    )


def test_a_repository_that_holds_no_model_of_ours(server):
    server.add("me/other", {"README.md": b"hello"})
    code, message = _sentence("me/other")
    assert code == "not_a_model" and "model.safetensors is missing" in message


def test_a_file_changed_on_the_hub_after_the_push_is_corrupt(shared):
    _replace(shared, calibration__json=b"{}")
    code, message = _sentence("me/digits")
    assert code == "corrupt" and "sha256" in message


def test_a_download_that_ends_early_is_corrupt(shared):
    shared.truncated = True
    assert _sentence("me/digits")[0] == "corrupt"


def test_a_byte_changed_in_the_cache_is_found_at_the_next_load(shared):
    cached = pull(parse_name("me/digits")).folder
    weights = (cached / "model.safetensors").resolve()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert _sentence("me/digits")[0] == "corrupt"


def test_a_newer_format_says_so(shared, folder):
    described = json.loads((folder / "config.json").read_text()) | {"format_version": 99}
    (folder / "config.json").write_text(json.dumps(described))
    _, message = _sentence(folder, ModelFolderError)
    assert "format 99" in message and "update the kit" in message


def test_a_runnable_file_in_the_repository_stops_the_pull_before_any_download(shared):
    _replace(shared, pytorch_model__bin=b"\x80\x04.")
    code, message = _sentence("me/digits")
    assert code == "not_a_model" and "can run code" in message
    assert not any(method == "HEAD" for method, _ in shared.requests)


def test_a_file_that_is_too_large_is_not_downloaded(shared):
    _replace(shared, config__json=b" " * (2 << 20))
    code, message = _sentence("me/digits")
    assert code == "not_a_model" and "more than" in message
    assert not any(method == "HEAD" for method, _ in shared.requests)


def test_pushing_without_a_login_says_so(server, folder, stranger):
    items, described = collect(folder)
    with pytest.raises(HubError, match="log in"):
        push(items, described, parse_name("me/digits"))


@pytest.mark.parametrize(
    "name", ["me/../x", "../x", "me/x@../../y", "me/x@a/../b", "me--x/y", "a/b/c", "me/x@", "@a"]
)
def test_names_that_lead_elsewhere_are_refused_without_asking(server, name):
    with pytest.raises(SimsidError):
        hub.load(name)
    assert server.requests == []


def test_an_out_folder_that_exists_is_left_alone(shared, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(SimsidError, match="already exists"):
        pull(parse_name("me/digits"), tmp_path / "there")
    assert sorted(FILES) == sorted(
        p.name for p in pull(parse_name("me/digits"), tmp_path / "new").folder.iterdir()
    )


@pytest.mark.parametrize(
    "arguments",
    [["verify", "nowhere/at/all"], ["pull", "nothing"], ["push", "x", "y"], [], ["list", "--x"]],
)
def test_the_command_line_prints_one_line_and_exits_with_2(arguments, capsys):
    assert run_command(lambda: main(arguments)) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
