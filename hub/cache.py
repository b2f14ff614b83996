"""Models that were pulled before, in the cache that the Hub's client keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound
from huggingface_hub.file_download import repo_folder_name

from hub.names import HubName
from hub.sums import SUMS
from hub.verify import KNOWN
from simsid.detectors.model_files import CONFIG
from simsid.detectors.untrusted import read_object
from simsid.errors import ModelFolderError
from simsid.files import write_text

FILES = (*KNOWN, SUMS)


@dataclass(frozen=True)
class Cached:
    """A model in the cache: ``python -m hub list`` shows these."""

    repository: str
    commit: str
    detector: str
    size: int


def cached_commit(name: HubName) -> str | None:
    """The commit that ``name`` meant when it was last asked for; None if it never was."""
    if name.pinned:
        return name.revision
    try:
        text = _ref(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if HubName(name.repository, text).pinned else None


def cached_folder(repository: str, commit: str) -> Path | None:
    """Where this commit's files lie; None unless all of them are there. Needs no network."""
    folder = _home(repository) / "snapshots" / commit
    return folder if all((folder / name).exists() for name in FILES) else None


def remember(name: HubName, commit: str) -> None:
    """Note which commit a branch or tag stood for, where the Hub's client notes it too."""
    if not name.pinned:
        _ref(name).parent.mkdir(parents=True, exist_ok=True)
        write_text(_ref(name), commit)


def list_cached() -> list[Cached]:
    """Complete models of this kit in the cache, by name and commit; other repositories are not."""
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    found = []
    for repository in repositories:
        for revision in repository.revisions if repository.repo_type == "model" else ():
            folder = cached_folder(repository.repo_id, revision.commit_hash)
            detector = _detector(folder) if folder else None
            if detector is not None:
                found.append(
                    Cached(
                        repository.repo_id, revision.commit_hash, detector, revision.size_on_disk
                    )
                )
    return sorted(found, key=lambda item: (item.repository, item.commit))


def _home(repository: str) -> Path:
    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model")


def _ref(name: HubName) -> Path:
    return _home(name.repository) / "refs" / name.revision


def _detector(folder: Path) -> str | None:
    try:
        detector = read_object(folder / CONFIG).get("detector")
    except ModelFolderError:
        return None
    return detector if isinstance(detector, str) else None
