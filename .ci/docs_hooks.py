"""What MkDocs cannot say in mkdocs.yml: the list of decisions, and links of the root's pages."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

_DECISIONS = "Decisions"
# Pages of the repository's root that have a page of their own in the documentation.
_ROOT_PAGES = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "LICENSE": "project/cite.md",
    "README.md": "index.md",
}


def on_config(config: Any) -> Any:
    """List every decision under its file's name: a new one needs no line in mkdocs.yml."""
    files = sorted((Path(config.docs_dir) / "decisions").glob("*.md"))
    pages = [{file.stem.replace("-", " "): f"decisions/{file.name}"} for file in files]
    for section in config.nav:
        if _DECISIONS in section:
            section[_DECISIONS] = pages
    return config


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Docstrings say :func:`name`, which Markdown shows as it stands: the name alone is enough."""
    return re.sub(r":(?:attr|class|data|func|meth|mod):(?=<code>)", "", html)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Put pages of the repository's root in, with links that hold in the documentation."""
    here = posixpath.dirname(page.file.src_uri)

    def included(match: re.Match[str]) -> str:
        text = (Path(config.config_file_path).parent / match[1]).read_text("utf-8")
        return re.sub(r"\]\(([^)#:]+)(#[^)]*)?\)", relinked, text)

    def relinked(match: re.Match[str]) -> str:
        target = _ROOT_PAGES.get(match[1], match[1].removeprefix("docs/"))
        return f"]({posixpath.relpath(target, here or '.')}{match[2] or ''})"

    return re.sub(r"^<!-- include (\S+) -->$", included, markdown, flags=re.MULTILINE)
