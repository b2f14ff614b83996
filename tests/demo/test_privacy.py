"""Uploads: caps, deletion, sweeps; what a path may name."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from demo import forget
from demo.privacy import (
    ABANDONED_SECONDS,
    MAX_FILE_BYTES,
    SWEEP_EVERY,
    UploadFolder,
    random_name,
)
from simsid.errors import ImageError, SimsidError
from tests.waiting import GENEROUS


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


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time()
    monkeypatch.setattr("demo.privacy.time.time", lambda: now + seconds)


def test_abandoned_uploads_are_swept_within_a_minute(tmp_path: Path, monkeypatch) -> None:
    assert ABANDONED_SECONDS + SWEEP_EVERY <= 60
    folder = UploadFolder(tmp_path)
    left, wanted, arriving = put(folder, "left.png"), put(folder, "b.png"), folder.path / "tmp1"
    arriving.write_bytes(b"half a film")
    os.utime(left, (0, 0))  # its age counts from its arrival, not from what the sender wrote
    folder.sweep()
    assert left.exists()
    later(monkeypatch, ABANDONED_SECONDS + 1)
    folder.sweep({str(wanted)})
    assert not left.exists() and wanted.exists() and arriving.exists()
    later(monkeypatch, 700)
    folder.sweep()
    assert not wanted.exists() and not arriving.exists()
    folder.close()


def test_a_sweep_that_fails_is_followed_by_others(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("demo.privacy.SWEEP_EVERY", 0.01)
    folder, calls, again = UploadFolder(tmp_path), [], threading.Event()

    def fail_once() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("DOEJANE")
        again.set()

    folder.sweep_for_ever(also=fail_once)
    assert again.wait(GENEROUS)
    folder.close()


def page_in_memory(*waiting: SimpleNamespace) -> SimpleNamespace:
    """As much of Gradio's page as remembers: two sessions, one of them closed long ago."""
    names = ("waiting", "answered")
    queue = SimpleNamespace(
        event_queue_per_concurrency_id={"scoring": SimpleNamespace(queue=list(waiting))},
        active_jobs=[None],
        pending_messages_per_session={name: asyncio.Queue() for name in (*names, "read")},
        pending_event_ids_session={name: {"id"} for name in names} | {"read": set()},
    )
    long_ago = datetime.now() - timedelta(seconds=100)
    holder = SimpleNamespace(
        session_data={
            "open": SimpleNamespace(is_closed=False),
            "ended": SimpleNamespace(is_closed=True),
        },
        time_last_used={"open": long_ago, "ended": long_ago},
    )
    return SimpleNamespace(_queue=queue, state_holder=holder, upload_file_set={"a"})


def test_answers_and_ended_visits_are_forgotten_but_not_what_is_waited_for(monkeypatch) -> None:
    data = SimpleNamespace(data=[[{"path": "/up/a.png"}, {"path": "/up/b.png"}], "model"])
    page = page_in_memory(SimpleNamespace(session_hash="waiting", data=data))
    memory = forget.Memory(page)
    assert memory.wanted() == {"/up/a.png", "/up/b.png"}
    memory.forget()
    # What was read leaves an empty channel, which goes at once; an unread answer waits a while.
    assert set(page._queue.pending_messages_per_session) == {"waiting", "answered"}
    assert set(page._queue.pending_event_ids_session) == {"waiting", "answered"}
    assert set(page.state_holder.session_data) == {"open"} and not page.upload_file_set
    now = time.monotonic()
    monkeypatch.setattr("demo.forget.time.monotonic", lambda: now + forget.UNREAD_SECONDS + 1)
    memory.forget()
    assert set(page._queue.pending_messages_per_session) == {"waiting"}
    assert set(page._queue.pending_event_ids_session) == {"waiting"}


def test_a_base_that_others_may_change_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir(mode=0o700)
    base.chmod(0o777)
    with pytest.raises(SimsidError, match="others may"):
        UploadFolder(base)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(SimsidError, match="others may"):
        UploadFolder(link)


def test_a_folder_that_is_being_made_is_not_swept(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    young, old = tmp_path / "starting-a", tmp_path / "starting-b"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    UploadFolder(tmp_path).close()
    assert young.exists() and not old.exists()


def test_the_size_of_uploads_is_known(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    uploads = UploadFolder(tmp_path)
    (uploads.path / "a").mkdir()
    (uploads.path / "a" / "film").write_bytes(b"x" * 1000)
    assert uploads.size() == 1000
    uploads.close()
