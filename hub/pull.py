"""Fetch a model from the Hub: one commit of it, its known files only, checked before use."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from huggingface_hub import HfApi

from hub.cache import FILES, cached_commit, cached_folder, remember
from hub.errors import CORRUPT, NOT_A_MODEL, HubError, plainly
from hub.names import HubName
from hub.progress import Progress, bar_that_tells
from hub.verify import check_folder, refuse_runnable
from simsid.detectors.untrusted import MIB, MOST_BYTES
from simsid.errors import SimsidError

_SECONDS = 10.0  # for the first answer: without a network a visitor should not wait longer


@dataclass(frozen=True)
class Pulled:
    """A model folder that came from the Hub.

    Attributes:
        repository, commit: what it is, for good.
        folder: where its files lie.
    """

    repository: str
    commit: str
    folder: Path


def pull(
    name: HubName,
    out: Path | None = None,
    local_first: bool = False,
    progress: Progress | None = None,
) -> Pulled:
    """Fetch a model, or find it in the cache, and check its files.

    Args:
        name: a repository and a revision; a branch is resolved to the commit it stands for now.
        out: a new folder for a copy of the files; None leaves them in the cache.
        local_first: take what a branch stood for when it was last asked for, without asking.
        progress: told how many bytes have come, of how many; None leaves it to the client's bars.

    Raises:
        HubError: no network, no such repository or revision, gated, corrupt, or no model of ours.
        ModelFolderError: a file is not one of a model folder.
        OSError: the disk is full or cannot be written.
    """
    if out is not None and os.path.lexists(out):
        raise SimsidError(f"{out} already exists: choose another --out")
    commit = cached_commit(name) if name.pinned or local_first else None
    folder = cached_folder(name.repository, commit) if commit else None
    if commit is None or folder is None:
        commit, sizes = _resolve(name)
        folder = cached_folder(name.repository, commit)
        folder = folder or _download(name.repository, commit, sizes, progress)
        remember(name, commit)
    check_folder(folder, sums_needed=True)
    if out is not None:
        _copy(folder, out)
    return Pulled(name.repository, commit, out or folder)


def _resolve(name: HubName) -> tuple[str, dict[str, int]]:
    """The commit behind a revision and its files' sizes, once they are found to be a model's."""
    with plainly(name.repository, name.revision):
        info = HfApi().model_info(
            name.repository, revision=name.revision, files_metadata=True, timeout=_SECONDS
        )
    sizes = {item.rfilename: item.size for item in info.siblings or []}
    refuse_runnable(name.repository, sorted(sizes))
    missing = [file for file in FILES if file not in sizes]
    if missing:
        raise HubError(
            NOT_A_MODEL,
            f"{name.repository} is not a model folder of this kit: {missing[0]} is missing; choose another",
        )
    for file in FILES:
        most = MOST_BYTES.get(file, MIB)
        if not isinstance(sizes[file], int) or sizes[file] > most:
            raise HubError(
                NOT_A_MODEL,
                f"{name.repository}: {file} has {sizes[file]} bytes, more than the {most} allowed: "
                "choose another",
            )
    commit = info.sha or ""
    if not HubName(name.repository, commit).pinned or (name.pinned and commit != name.revision):
        raise HubError(CORRUPT, f"the Hub names no commit for {name}: pull it again")
    return commit, {file: sizes[file] for file in FILES}


def _download(
    repository: str, commit: str, sizes: dict[str, int], progress: Progress | None
) -> Path:
    """Fetch the known files of a commit into the cache."""
    paths, done, total = [], 0, sum(sizes.values())

    def tell(progress: Progress, before: int, come: int) -> None:
        progress(min(before + come, total), total)

    with plainly(repository, commit):
        api = HfApi()
        try:
            for file in FILES:
                bar = bar_that_tells(partial(tell, progress, done)) if progress else None
                path = api.hf_hub_download(repository, file, revision=commit, tqdm_class=bar)
                paths.append(Path(path))
                done += sizes[file]
        except OSError as error:
            if "Consistency check failed" not in str(error):
                raise
            raise HubError(
                CORRUPT,
                f"{repository} arrived corrupt: a file is shorter or longer than stated; pull it again",
            ) from error
    folder = cached_folder(repository, commit)
    if folder is None or any(path.parent != folder for path in paths):
        raise HubError(CORRUPT, f"{repository} did not arrive whole: pull it again")
    return folder


def _copy(folder: Path, out: Path) -> None:
    """Copy the files, whole or not at all, and check the copies."""
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        for file in FILES:
            shutil.copyfile(folder / file, draft / file)
        check_folder(draft, sums_needed=True)
        draft.chmod(0o755)
        draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
