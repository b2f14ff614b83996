"""What the container promises a hospital: no root, nothing to write, one port, a secret password."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from demo.launch import take_password
from simsid.errors import SimsidError

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
PAGE = COMPOSE["services"]["page"]
LINES = [line.split() for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if line]


def arguments(instruction: str) -> list[list[str]]:
    return [words[1:] for words in LINES if words[0] == instruction]


def test_the_process_is_not_root_and_gains_nothing():
    assert list(COMPOSE["services"]) == ["page"]
    assert arguments("USER")[-1] == [PAGE["user"]] and int(PAGE["user"].split(":")[0]) > 0
    assert PAGE["cap_drop"] == ["ALL"] and "cap_add" not in PAGE and "privileged" not in PAGE
    assert PAGE["security_opt"] == ["no-new-privileges:true"]


def test_nothing_can_be_written_but_memory():
    assert PAGE["read_only"] is True and "volumes" not in PAGE
    assert [place.partition(":")[0] for place in PAGE["tmpfs"]] == ["/tmp"]


def test_one_port_of_this_machine_leads_in_and_nothing_leads_out():
    (port,) = PAGE["ports"]
    host, _, inside = port.split(":")
    assert host == "127.0.0.1" and [[inside]] == arguments("EXPOSE")
    assert PAGE["networks"] == list(COMPOSE["networks"]) == ["inward"]
    options = COMPOSE["networks"]["inward"]["driver_opts"]
    assert options == {"com.docker.network.bridge.enable_ip_masquerade": "false"}


def test_the_password_is_a_secret_and_no_door_opens_without_it():
    assert PAGE["environment"] == {"SIMSID_PASSWORD_FILE": "/run/secrets/password"}
    assert PAGE["secrets"] == ["password"] and "file" in COMPOSE["secrets"]["password"]
    assert "--no-auth" not in str(PAGE) + str(LINES)


def test_what_is_copied_exists_and_is_let_in():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    assert "*" in ignored
    for *sources, _ in arguments("COPY"):
        for source in sources:
            assert (ROOT / source).exists() and f"!{source}" in ignored, source


def test_hadolint_finds_nothing():
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(["hadolint", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_password_is_read_from_a_file_and_leaves_the_environment(tmp_path, monkeypatch):
    (tmp_path / "password").write_text(" horse battery \n")
    monkeypatch.delenv("SIMSID_PASSWORD", raising=False)
    monkeypatch.setenv("SIMSID_PASSWORD_FILE", str(tmp_path / "password"))
    assert take_password() == " horse battery "
    assert "SIMSID_PASSWORD_FILE" not in os.environ


@pytest.mark.parametrize(("content", "says"), [(None, "cannot be read"), ("\n", "is empty")])
def test_a_password_file_that_holds_none_is_told(content, says, tmp_path, monkeypatch):
    if content is not None:
        (tmp_path / "password").write_text(content)
    monkeypatch.delenv("SIMSID_PASSWORD", raising=False)
    monkeypatch.setenv("SIMSID_PASSWORD_FILE", str(tmp_path / "password"))
    with pytest.raises(SimsidError, match=says):
        take_password()
