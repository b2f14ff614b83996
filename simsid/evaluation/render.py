"""The report as Markdown, and as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

from simsid.evaluation.blocks import Picture, Section, Table

_PIPE = re.compile(r"(?<!\\)\|")
_KEPT = re.compile(
    r"(?P<fence>(?<!`)`+(?!`))(?P<code>.+?)(?<!`)(?P=fence)(?!`)"
    r"|\\(?P<sign>[!-/:-@\[-`{-~])|(?P<entity>&(?:lt|amp);)"
)
# Figures of lines and colours alone: turned round in the dark. The others show films, whose greys stay.
FOLLOWING = frozenset({"curves", "scores", "groups", "reconstruction", "training", "embedding"})
_SHORT = 32  # characters of a cell that never breaks
_CSS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d232a; --faint: #5b6672; --line: #dfe4e8;
  --rule: #b9c2ca; --code: #f3f5f7 }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif;
  overflow-wrap: break-word }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; padding-top: 1rem;
  border-top: 1px solid var(--line) }
p { max-width: 46rem } .note { color: var(--faint); margin-top: 0 }
.table { overflow-x: auto } table { border-collapse: collapse; margin: .8rem 0; font-size: .95rem }
th, td { text-align: right; padding: .32rem .9rem; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums }
th { color: var(--faint); font-weight: 600; border-bottom-color: var(--rule) }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
.short { white-space: nowrap } th:not(.short) { min-width: 8rem }
table.wide td + td, table.wide th + th { text-align: left }
code { background: var(--code); padding: .1em .35em; border-radius: 3px; font-size: .9em }
p code, table.wide td + td { overflow-wrap: anywhere }
figure { margin: 1.4rem 0 }
img { max-width: 100%; height: auto; display: block; background: #fff; border-radius: 4px }
figcaption { color: var(--faint); font-size: .92rem; max-width: 46rem; margin-top: .4rem }
@media (max-width: 40rem) { body { padding: 1.25rem 1rem 3rem } h1 { font-size: 1.5rem }
  th, td { padding: .32rem .5rem } table.wide .short { white-space: normal } }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #171717; --ink: #e4e7ea;
  --faint: #a3acb5; --line: #33383d; --rule: #565e66; --code: #262a2e }
  img.follows { filter: invert(.91) hue-rotate(180deg) } }
"""


def to_markdown(title: str, note: str, sections: list[Section], folder: Path) -> str:
    """Markdown with pictures by relative path from ``folder``."""
    parts = [f"# {title}", note]
    for section in sections:
        parts.append(f"## {section.title}")
        for block in section.blocks:
            if isinstance(block, Table):
                parts.append(_markdown_table(block))
            elif isinstance(block, Picture):
                path = block.file.relative_to(folder).as_posix()
                parts.append(f"![{block.caption}]({path})\n\n*{block.caption}*")
            else:
                parts.append(f"- {block}" if section.title == "Limits" else block)
    text = "\n\n".join(parts) + "\n"
    return re.sub(r"(?m)^(- .*)\n\n(?=- )", r"\1\n", text)


def to_html(title: str, note: str, sections: list[Section]) -> str:
    """One HTML page with its pictures inside."""
    body = [f"<h1>{html.escape(title)}</h1>", f'<p class="note">{_inline(note)}</p>']
    for section in sections:
        body.append(f"<h2>{html.escape(section.title)}</h2>")
        for block in section.blocks:
            if isinstance(block, Table):
                body.append(_html_table(block))
            elif isinstance(block, Picture):
                body.append(_html_picture(block))
            else:
                body.append(f"<p>{_inline(block)}</p>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_CSS}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _markdown_table(table: Table) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(_PIPE.sub(r"\|", cell) for cell in cells) + " |"

    rule = "|---|" + "---:|" * (len(table.header) - 1)
    return "\n".join([line(table.header), rule, *map(line, table.rows)])


def _html_table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(_html_cell(cell, tag) for cell in cells) + "</tr>"

    wide = ' class="wide"' if table.header == ("what", "value") else ""
    rows = "".join(row(cells, "td") for cells in table.rows)
    return f'<div class="table"><table{wide}>{row(table.header, "th")}{rows}</table></div>'


def _html_cell(cell: str, tag: str) -> str:
    """A number with its interval stands in one line; what is longer may break between words."""
    short = ' class="short"' if len(cell) <= _SHORT else ""
    return f"<{tag}{short}>{_inline(cell)}</{tag}>"


def _html_picture(picture: Picture) -> str:
    data = base64.b64encode(picture.file.read_bytes()).decode()
    caption = html.escape(picture.caption)
    follows = ' class="follows"' if picture.file.stem in FOLLOWING else ""
    return (
        f'<figure><img{follows} alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _inline(text: str) -> str:
    """Markdown of one line as HTML: code, bold, and what ``terminal.literal`` wrote."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        if match["code"] is not None:
            kept.append(f"<code>{html.escape(match['code'].strip())}</code>")
        else:
            kept.append(html.escape(match["sign"] or html.unescape(match["entity"])))
        return f"\0{len(kept) - 1}\0"

    escaped = html.escape(_KEPT.sub(keep, text))
    bold = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escaped)
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], bold)
