"""Deploying the page as a Space: what is sent, what never is, and each failure in one sentence."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest
import yaml
from huggingface_hub import constants

from hub import space
from hub.__main__ import main
from hub.cache import FILES
from hub.space_files import ROOT, collect
from simsid.cli import run_command
from simsid.errors import SimsidError

SPACE = "spaces/me/films"


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of what lies in a checkout, to spoil."""
    root = tmp_path / "checkout"
    for item in collect([]).items:
        (root / item.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / item.name, root / item.name)
    return root


def run(*arguments: str) -> int:
    return run_command(lambda: main(["deploy-space", *arguments]))


def front_matter(readme: bytes) -> dict:
    return yaml.safe_load(readme.decode().split("---\n")[1])


def newest(server, name: str = SPACE) -> dict[str, bytes]:
    repository = server.repositories[name]
    return repository.commits[repository.refs["main"]]


def test_a_dry_run_lists_every_file_with_size_and_sum_and_asks_nothing(
    server, stranger, capsys, monkeypatch
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert run("me/films", "--models", "me/digits", "--dry-run") == 0
    told = capsys.readouterr().out
    listed = re.findall(r"^([0-9a-f]{64}) +(\d+)  (\S+)$", told, flags=re.MULTILINE)
    names = [name for _, _, name in listed]
    assert {"app.py", "README.md", "LICENSE", "requirements.txt", "demo/page.js"} <= set(names)
    assert {"hub/bundled/SHA256SUMS", "hub/bundled/digitanatomy/model.safetensors"} <= set(names)
    for digest, size, name in listed:
        if name != "README.md":
            content = (ROOT / name).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, int(size))
    assert f"{len(names)} files, {sum(int(size) for _, size, _ in listed)} bytes" in told
    assert "sdk: gradio" in told and told.endswith("nothing was sent\n")
    assert server.requests == []


def test_tests_data_runs_and_caches_never_go_along():
    names = [item.name for item in collect([]).items]
    tops = {name.split("/")[0] for name in names}
    assert tops - {"docs"} == {
        *("demo", "hub", "simsid", "synth"),
        *("app.py", "README.md", "LICENSE", "requirements.txt"),
        *("CHANGELOG.md", "CONTRIBUTING.md"),
    }
    assert not [name for name in names if "__pycache__" in name or "/." in name]
    # What the README shows and links to, and what the page's Benchmark tab reads.
    assert {"docs/images/page.webp", "docs/benchmark/benchmark.json"} <= set(names)
    weights = [name for name in names if name.endswith(".safetensors")]
    assert weights and all(name.startswith("hub/bundled/") for name in weights)


def test_what_somebody_left_in_a_folder_of_the_kit_stays_here(checkout, tmp_path):
    secret = tmp_path / "secret.py"
    secret.write_text("key = 1")
    before = [item.name for item in collect([], root=checkout).items]
    for name in ("demo/film.dcm", "demo/.env", "simsid/mine.safetensors", "synth/patients.csv"):
        (checkout / name).write_text("private")
    (checkout / "demo/linked.py").symlink_to(secret)
    (checkout / "hub/linked").symlink_to(tmp_path)
    files = collect([], root=checkout)
    assert [item.name for item in files.items] == before
    assert {"demo/film.dcm", "demo/.env", "demo/linked.py", "hub/linked"} <= set(files.left_out)


def test_the_readme_of_the_checkout_is_that_of_a_space():
    fields = front_matter((ROOT / "README.md").read_bytes())
    assert fields["sdk"] == "gradio" and (ROOT / fields["app_file"]).is_file()
    assert isinstance(fields["python_version"], str) and len(fields["short_description"]) <= 60
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {fields["colorFrom"], fields["colorTo"]} <= colours
    assert "models" not in fields and "preload_from_hub" not in fields
    space.check_hardware(fields["suggested_hardware"])
    floor = re.search(r"^gradio\S*>=([0-9.]+)$", (ROOT / "requirements.txt").read_text(), re.M)[1]
    assert [int(n) for n in fields["sdk_version"].split(".")] >= [int(n) for n in floor.split(".")]


def test_a_new_space_is_made_and_filled_in_one_commit(server, capsys):
    commit = server.add("me/digits", {"config.json": b"{}"})
    assert run("me/films", "--models", "me/digits,bundled:digitanatomy", "--private") == 0
    repository, files = server.repositories[SPACE], newest(server)
    assert repository.sdk == "gradio" and repository.private and len(repository.commits) == 2
    fields = front_matter(files["README.md"])
    assert fields["models"] == ["me/digits"]
    assert fields["preload_from_hub"] == [f"me/digits {','.join(FILES)} {commit}"]
    assert repository.variables == {"SIMSID_MODELS": f"me/digits@{commit},bundled:digitanatomy"}
    for name, content in files.items():
        if name not in ("README.md", ".gitattributes"):
            assert content == (ROOT / name).read_bytes(), name
    assert capsys.readouterr().out.endswith(f"at commit {repository.refs['main']}\n")


def test_deploying_again_deletes_what_the_kit_no_longer_has_and_nothing_else(server):
    old = {"demo/old.py": b"1", "docs/benchmark/old.png": b"1", "packages.txt": b"git"}
    server.add(SPACE, old | {"data/own.bin": b"1"}, sdk="gradio")
    server.repositories[SPACE].variables["SIMSID_MODELS"] = "me/gone"
    assert run("me/films", "--hardware", "t4-small") == 0
    files = newest(server)
    assert "demo/old.py" not in files and "docs/benchmark/old.png" not in files
    assert "packages.txt" in files and "data/own.bin" in files and "demo/page.py" in files
    repository = server.repositories[SPACE]
    assert repository.variables == {} and repository.hardware == "t4-small"


def test_zero_gpu_gets_a_torch_that_it_knows(server):
    assert run("me/films", "--hardware", "zero-a10g") == 0
    assert server.repositories[SPACE].hardware == "zero-a10g"
    assert b"\ntorch>=2.10,<2.14\n" in newest(server)["requirements.txt"]


def test_a_deployment_without_a_login_says_so(server, stranger, capsys):
    assert run("me/films") == 2
    assert "hf auth login" in capsys.readouterr().err and SPACE not in server.repositories


def test_a_token_that_may_not_write_is_told_so(server, monkeypatch, capsys):
    server.add(SPACE, {"README.md": b"x"}, sdk="gradio")
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    assert run("me/films") == 2
    told = capsys.readouterr().err
    assert "does not let you" in told and told.count("\n") == 1
    assert newest(server) == {"README.md": b"x"}


def test_a_hub_that_wants_to_be_paid_is_told_plainly(server, capsys):
    server.paying = False
    assert run("me/films") == 2
    assert "subscription or credits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        ({"sdk": "docker"}, (), "sdk: docker"),
        ({"sdk": "gradio"}, ("--private",), "is not private"),
    ],
)
def test_a_space_of_another_kind_is_left_alone(server, capsys, kind, arguments, reason):
    server.add(SPACE, {"app.py": b"mine"}, **kind)
    assert run("me/films", *arguments) == 2
    assert reason in capsys.readouterr().err
    assert newest(server) == {"app.py": b"mine"}


@pytest.mark.parametrize(("kind", "reason"), [(None, "there is no repo"), ("gated", "not open")])
def test_models_that_visitors_could_not_fetch_are_refused_first(server, capsys, kind, reason):
    if kind:
        server.add("me/digits", {"config.json": b"{}"}, **{kind: True})
    assert run("me/films", "--models", "me/digits") == 2
    assert reason in capsys.readouterr().err and SPACE not in server.repositories


def test_bundled_weights_that_may_not_be_published_stop_a_public_space(server, capsys, monkeypatch):
    monkeypatch.setattr(space, "why_not_open", lambda described: "of their terms")
    assert run("me/films") == 2
    assert "may not be published" in capsys.readouterr().err and SPACE not in server.repositories
    assert run("me/films", "--private") == 0


@pytest.mark.parametrize(
    "arguments", [("films",), ("me/films", "--hardware", "abacus"), ("me/f", "--models", "../x")]
)
def test_bad_usage_is_one_line_and_asks_nothing(server, capsys, arguments):
    assert run(*arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1 and server.requests == []


def test_an_installed_kit_without_its_checkout_says_what_is_missing(checkout):
    (checkout / "app.py").unlink()
    shutil.rmtree(checkout / "synth")
    with pytest.raises(SimsidError, match=r"app\.py, synth not found .* source checkout"):
        collect([], root=checkout)


def test_a_readme_without_front_matter_is_refused(checkout):
    (checkout / "README.md").write_text("# Kit\n")
    with pytest.raises(SimsidError, match="front matter"):
        collect([], root=checkout)
