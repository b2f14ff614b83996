"""Docstrings of endpoints as whole sentences, for programs that choose among tools by reading them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

_SECTION = re.compile(r"^(Args|Returns|Raises):\s*$", re.MULTILINE)
_PARAMETER = re.compile(r"^(\w+): ", re.MULTILINE)


def described(function: Callable) -> tuple[str, dict[str, str]]:
    """What a function does and gives, and what each argument is.

    Lines that a docstring breaks are joined again; Gradio joins them with commas, and keeps only the
    first line of an argument.
    """
    head, *rest = _SECTION.split(inspect.getdoc(function) or "")
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    text = _sentence(head)
    if returns := sections.get("Returns", ""):
        text = f"{text} It returns {_joined(returns)}"
    _, *parts = _PARAMETER.split(inspect.cleandoc(sections.get("Args", "")))
    names = dict.fromkeys(inspect.signature(function).parameters, "")
    told = {name: _sentence(part) for name, part in zip(parts[::2], parts[1::2], strict=True)}
    return text, names | told


def _sentence(text: str) -> str:
    text = _joined(text)
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith(".") else f"{text}."


def _joined(text: str) -> str:
    return " ".join(text.split())
