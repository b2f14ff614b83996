"""What the kit says of its own commit is only looked at: nobody's repository is touched."""

from __future__ import annotations

import subprocess

from simsid.evaluation import provenance


def test_a_look_at_the_commit_writes_nothing_into_the_repository(tmp_path, monkeypatch):
    def git(*words):
        named = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", tmp_path, *named, *words], check=True, capture_output=True)

    file = tmp_path / "a.txt"
    git("init", "-q")
    file.write_text("a")
    git("add", ".")
    git("commit", "-qm", "a")
    file.write_text("a")  # the same, later: git would write its index anew
    index = tmp_path / ".git/index"
    before = index.stat().st_mtime_ns, index.read_bytes()
    assert provenance._git(tmp_path, "status", "--porcelain") == ""
    assert (index.stat().st_mtime_ns, index.read_bytes()) == before
    (tmp_path / ".git/index.lock").touch()  # as while somebody commits
    assert provenance._git(tmp_path, "status", "--porcelain") == ""
