"""Text in a CSV that spreadsheet programs would compute: written so that they show it as text.

They take a cell that begins with one of a few signs for a formula, also one in a file's name. A program
that splits lines at semicolons finds other cells, which are not looked at.
"""

from __future__ import annotations

import re

# Signs as OWASP lists them under 'CSV injection'; ours are apostrophes before one of them.
_COMPUTED = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def as_path(name: str) -> str:
    """A relative path as an equal one that is no formula: './=a.png' of '=a.png'."""
    return f"./{name}" if _COMPUTED.match(name) else name


def as_cell(value: object) -> object:
    """A cell that is no formula: an apostrophe stands before a text that would be one.

    Numbers stay as they are, also in a text.
    """
    if not isinstance(value, str) or not _COMPUTED.match(value) or _is_number(value):
        return value
    return f"'{value}"


def text_of(cell: str) -> str:
    """The text of which ``as_cell`` made this cell."""
    return cell[1:] if cell.startswith("'") and _COMPUTED.match(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
