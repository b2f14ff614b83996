"""What produced a number: the kit's commit, the versions, the machine's device."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import simsid

_PACKAGES = ("torch", "numpy", "scikit-learn", "scikit-image", "scipy")


@cache
def kit_commit() -> str | None:
    """Commit of the kit's own checkout, with '+dirty' if its files differ; None if there is none.

    As at the first call: what this process writes afterwards does not make its code another.
    """
    root = Path(simsid.__file__).resolve().parent.parent
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root:
        return None  # installed, perhaps inside somebody else's repository
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    return commit + (
        "+dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else ""
    )


def short_commit(commit: str | None) -> str:
    """Twelve digits, with '+dirty' if it was so; 'none' where there is no commit."""
    return "none" if commit is None else commit[:12] + commit[40:]


def versions() -> dict[str, str | None]:
    """Versions of Python, the kit and what computes its numbers."""
    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "simsid": simsid.__version__,
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]  # only looks
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
