"""'How this was made': the last table of every benchmark's page, and the head of its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from simsid.evaluation.blocks import Section, Table
from simsid.evaluation.provenance import kit_commit, versions
from simsid.terminal import code, literal

COMMAND = "command"


def commits_text(commits: Sequence[str] = ()) -> str:
    """These commits, or the kit's own where there are none."""
    return ", ".join(commits) or kit_commit() or "none (not a checkout)"


def versions_text(found: Mapping[str, object] | None = None) -> str:
    """'python 3.11, torch 2.10'; without ``found``, of what computes the kit's numbers."""
    shown = versions() if found is None else found
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value)


def made_section(made: Mapping[str, object]) -> Section:
    """A row for each fact; commands as code, several with 'then' between."""
    rows = [(key.replace("_", " "), _cell(key, value)) for key, value in made.items()]
    return Section("How this was made", (Table(("what", "value"), tuple(rows)),))


def _cell(key: str, value: object) -> str:
    if key == COMMAND:
        commands = [value] if isinstance(value, str) else value
        assert isinstance(commands, Sequence)
        return "; then ".join(map(code, commands))
    return json.dumps(value) if isinstance(value, dict | list) else literal(str(value))
