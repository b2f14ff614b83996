from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

import hub
from tests.hub.server import stand_in_hub


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A stand-in Hub that the real client talks to, and an empty cache."""
    with stand_in_hub() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.endpoint)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            running.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_member")
        yield running


@pytest.fixture
def stranger(monkeypatch):
    """Nobody is logged in."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A model folder to share or to spoil."""
    return Path(shutil.copytree(hub.BUNDLED_FOLDER / "digitanatomy", tmp_path / "model"))
