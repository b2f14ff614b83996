"""What an upload of the page says: where its files lie, and which films were dropped together."""

from __future__ import annotations

import re
import secrets

_MARK = re.compile(r"^film-\d+-([0-9a-f]{12})(?:\.|$)")  # as films.js names what it sends


def paths_of(files: object) -> list[str]:
    """Where each file lies that an upload gives."""
    return _told(files, "path")


def drop_of(files: object) -> str:
    """The mark that the visitor's browser gave all films of one drop; else one that no drop has."""
    found = [_MARK.search(name) for name in _told(files, "orig_name")]
    return found[0][1] if found and found[0] else secrets.token_hex(6)


def _told(files: object, what: str) -> list[str]:
    """'path' or 'orig_name' of each file; '' where it says none."""
    files = getattr(files, "root", files)
    listed = files if isinstance(files, list | tuple) else [files]
    return [
        (each.get(what) if isinstance(each, dict) else getattr(each, what, "")) or ""
        for each in listed
    ]
