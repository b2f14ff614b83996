"""Uploads: caps, deletion, sweeps; what a path may name."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from demo.privacy import MAX_FILE_BYTES, UploadFolder, random_name
from simsid.errors import ImageError


def put(folder: UploadFolder, name: str = "a.png", content: bytes = b"film") -> Path:
    (folder.path / "digest").mkdir(exist_ok=True)
    file = folder.path / "digest" / name
    file.write_bytes(content)
    return file


def test_an_upload_is_gone_once_it_is_read(tmp_path: Path) -> None:
    folder = UploadFolder(tmp_path)
    file = put(folder)
    assert folder.take(str(file)) == b"film"
    assert not file.exists() and not file.parent.exists()
    with pytest.raises(ImageError, match="no longer"):
        folder.take(str(file))
    folder.close()


def test_nothing_outside_the_folder_is_read_or_removed(tmp_path: Path) -> None:
    folder, secret = UploadFolder(tmp_path / "base"), tmp_path / "secret"
    secret.write_bytes(b"secret")
    (folder.path / "link").symlink_to(secret)
    lock = folder.path / "lock"
    inside = f"{folder.path}/../../secret"
    for path in (secret, inside, folder.path / "link", lock, folder.path, None, "\0", "http://x/y"):
        with pytest.raises(ImageError):
            folder.take(path)
    assert secret.read_bytes() == b"secret" and lock.exists()
    folder.close()


def test_large_and_empty_uploads_are_refused_and_removed(tmp_path: Path) -> None:
    folder = UploadFolder(tmp_path)
    large = put(folder, "large.png")
    os.truncate(large, MAX_FILE_BYTES + 1)
    for file, code in ((large, "too_large"), (put(folder, "empty.png", b""), "empty")):
        with pytest.raises(ImageError) as caught:
            folder.take(file)
        assert caught.value.code == code and not file.exists()
    folder.close()


def test_names_are_random_and_keep_known_suffixes_only() -> None:
    names = {random_name("DOE^JANE.dcm"), random_name("DOE^JANE.dcm"), random_name("x.DOEJANE")}
    assert len(names) == 3
    assert not any("DOE" in name for name in names)
    assert sum(name.endswith(".dcm") for name in names) == 2


def test_a_start_sweeps_what_killed_processes_left(tmp_path: Path) -> None:
    alive = UploadFolder(tmp_path)
    kept = put(alive)
    dead = tmp_path / "uploads-dead"
    dead.mkdir()
    (dead / "film.png").write_bytes(b"film")
    UploadFolder(tmp_path).close()
    assert not dead.exists() and kept.exists()
    alive.close()
    assert not alive.path.exists()


def test_abandoned_uploads_are_swept_by_age(tmp_path: Path) -> None:
    folder = UploadFolder(tmp_path)
    old, new = put(folder, "old.png"), put(folder, "new.png")
    os.utime(old, (time.time() - 400,) * 2)
    folder.sweep()
    assert not old.exists() and new.exists()
    folder.close()
