"""Share a generated data set: its files as they are, checked, with a card that says how to load it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from hub.errors import FAILED, NOT_PERMITTED, HubError, plainly
from hub.names import DEFAULT_REVISION, HubName
from hub.push import Item
from synth.errors import SynthError
from synth.glyphs import SOURCES
from synth.manifest import MANIFEST, MEDMIX, file_digest, list_files, read_manifest
from synth.verify import verify

CARD = "README.md"
MOST_FILES = 10_000
"""The Hub slows down beyond so many files; container layouts hold as many images in a few."""
_LOADED = ("parquet", "imagefolder", "webdataset")


def collect_dataset(root: Path, name: HubName, i_may_share: bool = False) -> list[Item]:
    """The files that a push would write; nothing is written.

    Args:
        root: folder of a data set that ``python -m synth`` wrote.
        name: the repository, for the card.
        i_may_share: the user may share pictures whose terms the kit does not know.

    Raises:
        HubError: the folder is no such data set, does not match its manifest, has too many files,
            or was made of pictures whose terms are unknown.
    """
    try:
        if not root.is_dir():
            raise SynthError(f"{root}: no such folder; name one that python -m synth wrote")
        manifest = read_manifest(root)
        problems = verify(root)
    except SynthError as error:
        raise HubError(FAILED, str(error)) from error
    if problems:
        raise HubError(
            FAILED, f"{root} does not match its {MANIFEST} ({problems[0]}): make the set anew"
        )
    if not i_may_share and (reason := why_not(manifest)):
        raise HubError(NOT_PERMITTED, f"{root}: {reason}; if you may, add --i-may-share")
    names = list_files(root)
    if len(names) > MOST_FILES:
        raise HubError(
            FAILED,
            f"{root} has {len(names)} files, and the Hub takes {MOST_FILES} well: make the set "
            "anew with --layout parquet",
        )
    layout = manifest["parameters"]["layout"]
    card = _with_usage((root / CARD).read_text(encoding="utf-8"), layout, name).encode("utf-8")
    items = [
        Item(file, root / file, (root / file).stat().st_size, file_digest(root / file))
        for file in names
        if file != CARD
    ]
    return [Item(CARD, card, len(card), hashlib.sha256(card).hexdigest()), *items]


def why_not(manifest: dict[str, Any]) -> str | None:
    """Why a data set may not be shared without the user's word; None if its terms are known."""
    if manifest["generator"] == MEDMIX:
        return "it was made of films, and the kit does not know whether they may be shared"
    anatomy = manifest["parameters"]["anatomy"]
    hands = (anatomy.get("population") or {}).get("hands", {})
    unknown = [source for source in (anatomy["digits"], *hands) if source not in SOURCES]
    if not unknown:
        return None
    return f"it was made of {unknown[0]}, and the kit does not know whether that may be shared"


def push_dataset(items: list[Item], name: HubName, private: bool = False) -> str:
    """Write the files to a data set's repository in one commit, and return that commit.

    Args:
        items: from :func:`collect_dataset`.
        name: the repository, and the branch to write to; both are made where they are not there.
        private: make the repository private, and refuse one that is public.

    Raises:
        HubError: no network, not logged in, refused by the Hub, or public where private was asked.
    """
    if name.pinned:
        raise HubError(
            FAILED, "a push needs a branch, a commit cannot be changed: leave out --revision"
        )
    with plainly(name.repository, name.revision):
        api = HfApi()
        api.create_repo(name.repository, repo_type="dataset", private=private, exist_ok=True)
        if private and not _is_private(api, name.repository):
            raise HubError(
                NOT_PERMITTED,
                f"{name.repository} exists and is not private: make it private on its page, or "
                "choose another name",
            )
        if name.revision != DEFAULT_REVISION:
            api.create_branch(
                name.repository, repo_type="dataset", branch=name.revision, exist_ok=True
            )
        done = api.create_commit(
            name.repository,
            [CommitOperationAdd(item.name, item.content) for item in items],
            commit_message=f"DigitAnatomy: {len(items)} files",
            repo_type="dataset",
            revision=name.revision,
        )
    return done.oid


def _is_private(api: HfApi, repository: str) -> bool:
    try:
        return bool(api.dataset_info(repository).private)
    except GatedRepoError:
        return False
    except RepositoryNotFoundError:  # made a moment ago, and not there yet
        return True


def _with_usage(card: str, layout: str, name: HubName) -> str:
    """The set's own card, with how to get it from here."""
    if layout in _LOADED:
        code = f'from datasets import load_dataset\n\ndata = load_dataset("{name.repository}")'
    else:
        code = (
            "from huggingface_hub import snapshot_download\n\n"
            f'folder = snapshot_download("{name.repository}", repo_type="dataset")\n'
            "# python -m simsid.train --dataset folder --data-root FOLDER"
        )
    return f"{card.rstrip()}\n\n## Load it\n```python\n{code}\n```\n"
