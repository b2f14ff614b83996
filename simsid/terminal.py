"""Text for people: on any terminal, in Markdown, with any name in it."""

from __future__ import annotations

import re
import sys

_MARKUP = re.compile(r"[\\`*\[\]|$]|(?<!\w)_|_(?!\w)|~(?=~)")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_BREAKS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


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


def literal(name: str) -> str:
    """A name in a line of Markdown, a table's too: shown sign by sign, and never markup.

    What breaks a line or turns its direction is shown as an escape. Bytes that are no text stay:
    ``files.write_text`` writes them as escapes.
    """
    text = _MARKUP.sub(r"\\\g<0>", name)
    text = _ENTITY.sub("&amp;", text).replace("<", "&lt;")
    return _BREAKS.sub(lambda sign: "\\\\" + sign[0].encode("unicode_escape").decode()[1:], text)


def code(text: str) -> str:
    """Text as code in a line of Markdown, whatever backticks it has."""
    text = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"
