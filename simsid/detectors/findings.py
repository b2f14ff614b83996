"""What a check of the film as a whole says."""

from __future__ import annotations

import re
from dataclasses import dataclass

WARN, REFUSE, ANOTHER = "warn", "refuse", "another"
ANOTHER_CODE = "another_population"  # the one code of that severity
_REASON = re.compile(
    r"(?:another population|out of place \((?P<code>\w+)\)): (?P<message>.*)", re.DOTALL
)


@dataclass(frozen=True)
class Finding:
    """Why an image should not be scored, or only with care.

    Attributes:
        code: 'blank', 'noise', 'inverted', 'turned_left', 'turned_right', 'upside_down',
            'not_like_training', 'not_frontal' or 'another_population'; stable, for programs.
        severity: 'refuse', 'warn' or 'another': the film may be fine, its verdict would not be.
        message: reason and remedy, for people.
    """

    code: str
    severity: str
    message: str


def reason_of(finding: Finding) -> str:
    """What tables and messages say of a film that has no verdict for this: with the code in it."""
    if finding.severity == ANOTHER:
        return f"another population: {finding.message}"
    return f"out of place ({finding.code}): {finding.message}"


def told_by(text: str) -> tuple[str, str] | None:
    """Code and message, where ``text`` is or begins with what ``reason_of`` says."""
    if match := _REASON.match(text):
        return match["code"] or ANOTHER_CODE, match["message"]
    return None
