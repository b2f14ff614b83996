"""How models are named: 'user/name', 'user/name@revision'."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.errors import NO_REPOSITORY, HubError

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_NAME = re.compile(rf"({_PART}/{_PART})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{{0,95}}))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
DEFAULT_REVISION = "main"


@dataclass(frozen=True)
class HubName:
    """A repository on the Hub and the revision of it that was asked for."""

    repository: str
    revision: str = DEFAULT_REVISION

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return _COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"


def looks_like_name(text: str) -> bool:
    """Whether this can name a repository on the Hub."""
    return _NAME.fullmatch(text) is not None and ".." not in text and "--" not in text


def parse_name(text: str, revision: str | None = None) -> HubName:
    """'user/name' or 'user/name@revision', with ``revision`` where the text has none.

    Raises:
        HubError: it is no such name, or it has two revisions.
    """
    match = _NAME.fullmatch(text)
    if match is None or not looks_like_name(text):
        raise HubError(
            NO_REPOSITORY,
            f"'{text[:120]}' is not the name of a repository: it must be user/name or user/name@commit",
        )
    if match[2] and revision and match[2] != revision:
        raise HubError(
            NO_REPOSITORY,
            f"the name and --revision differ: {match[2]} and {revision}; give one of them",
        )
    name = HubName(match[1], match[2] or revision or DEFAULT_REVISION)
    if not looks_like_name(str(name)):
        raise HubError(
            NO_REPOSITORY,
            f"'{name.revision[:120]}' is not the name of a revision: give a branch, tag or commit",
        )
    return name
