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
_CSS = """
:root { color-scheme: light; --ink: #1d232a; --faint: #5b6672; --line: #dfe4e8; --accent: #0072b2 }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; background: #fff;
  color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; padding-top: 1rem;
  border-top: 1px solid var(--line) }
p { max-width: 46rem } .note { color: var(--faint); margin-top: 0 }
.table { overflow-x: auto } table { border-collapse: collapse; margin: .8rem 0; font-size: .95rem }
th, td { text-align: right; padding: .32rem .9rem; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
th { color: var(--faint); font-weight: 600; border-bottom-color: #b9c2ca }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
table.wide td + td, table.wide th + th { text-align: left }
code { background: #f3f5f7; padding: .1em .35em; border-radius: 3px; font-size: .9em }
figure { margin: 1.4rem 0 } img { max-width: 100%; height: auto; display: block }
figcaption { color: var(--faint); font-size: .92rem; max-width: 46rem; margin-top: .4rem }
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
        return "<tr>" + "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in cells) + "</tr>"

    wide = ' class="wide"' if table.header == ("what", "value") else ""
    rows = "".join(row(cells, "td") for cells in table.rows)
    return f'<div class="table"><table{wide}>{row(table.header, "th")}{rows}</table></div>'


def _html_picture(picture: Picture) -> str:
    data = base64.b64encode(picture.file.read_bytes()).decode()
    caption = html.escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
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
