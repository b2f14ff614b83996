"""Deploy the page as a Hugging Face Space, in one commit."""

from __future__ import annotations

from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceHardware
from huggingface_hub.errors import RepositoryNotFoundError

from hub import BUNDLED_FOLDER
from hub.errors import NOT_PERMITTED, HubError, plainly
from hub.names import parse_name
from hub.permission import why_not_open
from hub.space_files import BUNDLED, DOCS, FOLDERS, SDK, SpaceFiles
from simsid.detectors.model_files import CONFIG
from simsid.detectors.untrusted import read_object
from simsid.errors import SimsidError

_VARIABLE = "SIMSID_MODELS"
_SPACE = "space"


def check_hardware(name: str | None) -> None:
    """Refuse hardware that the Hub's client does not know.

    Raises:
        SimsidError: with the names that there are.
    """
    known = [hardware.value for hardware in SpaceHardware]
    if name is not None and name not in known:
        raise SimsidError(f"there is no hardware '{name[:80]}'; there are: {', '.join(known)}")


def pin(models: list[str]) -> list[str]:
    """The same names, those of the Hub at the commits they stand for now.

    A Space then shows what was deployed until it is deployed again.

    Raises:
        HubError: a model is not there, or not open to everybody.
    """
    pinned = []
    for model in models:
        if model.startswith(BUNDLED):
            pinned.append(model)
            continue
        name = parse_name(model)
        with plainly(name.repository, name.revision):
            info = HfApi().model_info(name.repository, revision=name.revision)
        if info.private or info.gated:
            raise HubError(
                NOT_PERMITTED,
                f"{name.repository} is not open to all, and a Space that preloads it cannot be "
                f"built: deploy without it, then set {_VARIABLE} and a secret HF_TOKEN in the "
                "Space's settings",
            )
        pinned.append(f"{name.repository}@{info.sha}")
    return pinned


def deploy(
    space: str,
    files: SpaceFiles,
    models: list[str],
    private: bool = False,
    hardware: str | None = None,
) -> str:
    """Make the Space where it is not there, send the files, and return the commit.

    Files of the kit that an earlier deployment left and that it no longer has are deleted;
    whatever else lies in the Space stays.

    Args:
        space: 'user/name'.
        files: from :func:`hub.space_files.collect`, for the same models.
        models: what the Space's variable ``SIMSID_MODELS`` shall name.
        private: make the Space private, and refuse one that is public.
        hardware: what it runs on; None leaves that as it is.

    Raises:
        HubError: not permitted, no network, not logged in, or refused by the Hub.
    """
    with plainly(space):
        api = HfApi()
        there = _find(api, space)
        _check(space, there, private)
        if there is None:
            api.create_repo(
                space,
                repo_type=_SPACE,
                private=private or None,
                space_sdk=SDK,
                space_hardware=hardware,
            )
            there = api.space_info(space)
        elif hardware is not None:
            api.request_space_hardware(space, hardware)
        if models:
            api.add_space_variable(space, _VARIABLE, ",".join(models))
        elif _VARIABLE in api.get_space_variables(space):
            api.delete_space_variable(space, _VARIABLE)
        done = api.create_commit(
            space,
            _changes(files, [file.rfilename for file in there.siblings or []]),
            commit_message="The page, its bundled models and what they need",
            repo_type=_SPACE,
            parent_commit=there.sha,
        )
    return done.oid


def _find(api: HfApi, space: str) -> Any:
    try:
        return api.space_info(space)
    except RepositoryNotFoundError:
        return None


def _check(space: str, there: Any, private: bool) -> None:
    """Refuse to overwrite what is no Space of this kind, and to publish what must not be."""
    if there is not None and there.sdk != SDK:
        raise HubError(
            NOT_PERMITTED,
            f"{space} exists and is not a Gradio Space (sdk: {there.sdk}): choose another name",
        )
    if there is not None and private and not there.private:
        raise HubError(
            NOT_PERMITTED,
            f"{space} exists and is not private: make it private in its settings, or choose "
            "another name",
        )
    if private or (there is not None and there.private):
        return
    for config in sorted(BUNDLED_FOLDER.glob(f"*/{CONFIG}")):
        reason = why_not_open(read_object(config))
        if reason is not None:
            raise HubError(
                NOT_PERMITTED,
                f"the bundled model {config.parent.name} may not be published: {reason}; deploy "
                "with --private, or take it out of hub/bundled",
            )


def _changes(files: SpaceFiles, old: list[str]) -> list[CommitOperationAdd | CommitOperationDelete]:
    new = {item.name for item in files.items}
    ours = tuple(f"{folder}/" for folder in (*FOLDERS, DOCS))
    stale = [file for file in old if file.startswith(ours)]
    return [
        *(CommitOperationAdd(item.name, item.content) for item in files.items),
        *(CommitOperationDelete(file) for file in sorted(set(stale) - new)),
    ]
