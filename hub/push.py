"""Share a trained model: its folder as it is, a complete card, and the sums of all files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from hub.errors import FAILED, NOT_A_MODEL, NOT_PERMITTED, HubError, plainly
from hub.names import DEFAULT_REVISION, HubName
from hub.permission import remedy, why_not_open
from hub.sums import SUMS, sha256_of, sums_text
from hub.verify import NEEDED, verify
from simsid.detectors.model_files import CALIBRATION, CARD, CONFIG, WEIGHTS
from simsid.detectors.untrusted import check_file, read_object
from simsid.evaluation.card import measured_weights
from simsid.evaluation.card_sections import complete_card
from simsid.export.detector import is_exported

_HOW = (
    "train with a test part (python -m simsid.train writes the card), or measure with: "
    "python -m simsid.evaluate --model RUN --dataset NAME --data-root ROOT --card --out report.json"
)


@dataclass(frozen=True)
class Item:
    """One file of a push: a path here, or its content where that is made for the push."""

    name: str
    content: Path | bytes
    size: int
    sha256: str


def collect(run: Path) -> tuple[list[Item], dict[str, Any]]:
    """The files that a push would write, and the model's ``config.json``; nothing is written.

    Args:
        run: a run folder or a model folder.

    Raises:
        HubError: the folder has no card from measured numbers of these weights, or is no model.
        ModelFolderError: the model does not open.
    """
    verified = verify(run)
    folder = verified.folder
    if is_exported(folder):
        raise HubError(
            NOT_A_MODEL, f"{run} is an exported model: push the model that it was made from"
        )
    described, calibration = read_object(folder / CONFIG), read_object(folder / CALIBRATION)
    digests = {name: sha256_of(folder / name) for name in NEEDED}
    card = _measured_card(folder / CARD, digests[WEIGHTS])
    card = complete_card(card, described, calibration["false_alarm_rate"])
    items = [Item(n, folder / n, verified.sizes[n], digests[n]) for n in NEEDED]
    items.append(_made(CARD, card))
    sums = sums_text({item.name: item.sha256 for item in items})
    return [*items, _made(SUMS, sums)], described


def _made(name: str, text: str) -> Item:
    content = text.encode("utf-8")
    return Item(name, content, len(content), hashlib.sha256(content).hexdigest())


def _measured_card(path: Path, weights: str) -> str:
    """The card's text, if its numbers were measured with these weights."""
    if not path.exists():
        raise HubError(
            NOT_A_MODEL, f"{path} is missing, and only measured models are shared: {_HOW}"
        )
    check_file(path)
    text = path.read_text(encoding="utf-8", errors="replace")
    if not _numbers(text):
        raise HubError(NOT_A_MODEL, f"{path} holds no measured numbers (model-index): {_HOW}")
    if measured_weights(text) not in (None, weights):
        raise HubError(NOT_A_MODEL, f"{path} was measured with other weights than these: {_HOW}")
    return text


def _numbers(card: str) -> list[float]:
    """The values of the card's model-index."""
    parts = card.split("---\n", 2)
    try:
        index = yaml.safe_load(parts[1])["model-index"]
        values = [m["value"] for model in index for r in model["results"] for m in r["metrics"]]
    except (IndexError, KeyError, TypeError, yaml.YAMLError, RecursionError):
        return []
    return [value for value in values if type(value) in (int, float)]


def push(
    items: list[Item],
    described: dict[str, Any],
    name: HubName,
    private: bool = False,
    i_may_share: bool = False,
) -> str:
    """Write the files to a repository in one commit, and return that commit.

    A repository that is not there is made. Weights whose terms forbid publication go only where
    the Hub itself says that the repository is private or gated.

    Args:
        items, described: from :func:`collect`.
        name: the repository, and the branch to write to, made where it is not there.
        private: make the repository private, and refuse one that is public.
        i_may_share: see :func:`hub.permission.why_not_open`.

    Raises:
        HubError: not permitted, no network, not logged in, or refused by the Hub.
    """
    if name.pinned:
        raise HubError(
            FAILED, "a push needs a branch, a commit cannot be changed: leave out --revision"
        )
    reason = why_not_open(described, i_may_share)
    with plainly(name.repository, name.revision):
        api = HfApi()
        kept_from = _audience(api, name.repository)
        if kept_from is None:
            if reason and not private:
                raise _forbidden(name, reason, described)
            api.create_repo(name.repository, private=private, exist_ok=True)
            kept_from = _audience(api, name.repository)
        if private and kept_from != "private":
            raise HubError(
                NOT_PERMITTED,
                f"{name.repository} exists and is not private: make it private on its page, or "
                "choose another name",
            )
        if reason and kept_from not in ("private", "gated"):
            raise _forbidden(name, reason, described)
        if name.revision != DEFAULT_REVISION:
            api.create_branch(name.repository, branch=name.revision, exist_ok=True)
        operations = [CommitOperationAdd(item.name, item.content) for item in items]
        done = api.create_commit(
            name.repository,
            operations,
            commit_message=f"{described['detector']} trained on {_data(described)}",
            revision=name.revision,
        )
    return done.oid


def _audience(api: HfApi, repository: str) -> str | None:
    """'private', 'gated' or 'public'; None where there is no such repository."""
    try:
        info = api.model_info(repository)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return None
    if info.private:
        return "private"
    return "gated" if info.gated else "public"


def _forbidden(name: HubName, reason: str, described: dict[str, Any]) -> HubError:
    return HubError(
        NOT_PERMITTED,
        f"these weights may not be published in {name.repository}: {reason}; {remedy(described)}",
    )


def _data(described: dict[str, Any]) -> str:
    return described.get("facts", {}).get("data_fingerprint") or "data without a fingerprint"


def refusal(
    described: dict[str, Any], name: HubName, private: bool, i_may_share: bool
) -> HubError | None:
    """What a push to a public repository would be answered with, without asking the Hub."""
    reason = why_not_open(described, i_may_share)
    return _forbidden(name, reason, described) if reason and not private else None
