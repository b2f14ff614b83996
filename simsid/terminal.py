"""Text for people: on any terminal, with any name in it."""

from __future__ import annotations

import sys


def show_anything() -> None:
    """What a terminal cannot show is printed as an escape, and never stops a command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def printable(name: str) -> str:
    """A name that any library can take: bytes that are no text, and control signs, as escapes."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode()
        for sign in text
    )
