"""A benchmark's page and its numbers: two files of one name, in a folder that is made for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from simsid.benchmark.made import made_section
from simsid.benchmark.record_files import write_json
from simsid.evaluation.blocks import Section
from simsid.evaluation.render import to_markdown
from simsid.files import write_text


def write_page(
    folder: Path,
    name: str,
    title: str,
    note: str,
    sections: Sequence[Section],
    made: Mapping[str, object],
    rows: object,
) -> Path:
    """Write ``<name>.md`` and ``<name>.json``; returns the first.

    Args:
        note: the one line to read first.
        made: how; the last section, and the head of the JSON.
        rows: records, or what holds records: the numbers of the JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{name}.md"
    write_text(page, to_markdown(title, note, [*sections, made_section(made)], folder))
    write_json(folder / f"{name}.json", {"made": made, "rows": rows})
    return page
