"""What a Hugging Face Space needs to run the page: these files, and nothing else of the checkout."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from hub.cache import FILES
from hub.names import parse_name
from hub.push import Item
from hub.sums import SUMS, sha256_of
from simsid.errors import SimsidError

ROOT = Path(__file__).resolve().parents[1]
SDK = "gradio"
BUNDLED = "bundled:"  # how names of models that come along begin
FOLDERS = ("demo", "hub", "simsid", "synth")
DOCS = "docs"  # the Benchmark tab's results, and what the README shows and links to
_README, _REQUIREMENTS = "README.md", "requirements.txt"
_FILES = (
    "app.py", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", _README, _REQUIREMENTS,
    f"hub/bundled/{SUMS}",
)  # fmt: skip
_NOT_NEEDED = "demo/bench/"
# By suffix, so that a film which somebody left in a folder of the kit never goes along.
_SOURCES = {".py", ".js", ".css"}
_ELSEWHERE = {
    "hub/bundled": {".safetensors", ".json", ".md"},
    DOCS: {".json", ".png", ".webp", ".md", ".csv"},
}
# ZeroGPU patches torch, and lists the releases that it knows:
# https://huggingface.co/docs/hub/spaces-zerogpu
_ZERO, _ZERO_TORCH = "zero-", "torch>=2.10,<2.14"


@dataclass(frozen=True)
class SpaceFiles:
    """What a deployment sends.

    Attributes:
        items: the files, by name.
        left_out: names of what lies in the kit's folders and is not sent.
        front_matter: YAML at the top of the README, by which the Hub knows how to run the Space.
    """

    items: list[Item]
    left_out: list[str]
    front_matter: str


def collect(models: list[str], hardware: str | None = None, root: Path = ROOT) -> SpaceFiles:
    """The files of a Space that runs the page with these models; nothing is asked or written.

    Args:
        models: what ``SIMSID_MODELS`` will name.
        hardware: what the Space is to run on; ZeroGPU needs a torch that it knows.
        root: a source checkout of the kit.

    Raises:
        SimsidError: files of the kit are missing, or Gradio is not installed.
        HubError: a model has no name of a repository.
    """
    missing = [name for name in _FILES if not (root / name).is_file()]
    missing += [name for name in FOLDERS if not (root / name).is_dir()]
    if missing:
        raise SimsidError(
            f"{', '.join(missing)} not found in {root}: deploy from a source checkout of the kit"
        )
    front, readme = _complete((root / _README).read_text(encoding="utf-8"), models)
    made = {_README: readme}
    if (hardware or "").startswith(_ZERO):
        text = (root / _REQUIREMENTS).read_text(encoding="utf-8")
        made[_REQUIREMENTS] = re.sub(r"^torch>=.*$", _ZERO_TORCH, text, flags=re.MULTILINE)
    sent, left_out = _sort_out(root)
    items = [_item(root, name, made.get(name)) for name in sorted([*_FILES, *sent])]
    return SpaceFiles(items, left_out, front)


def _sort_out(root: Path) -> tuple[list[str], list[str]]:
    """Names in the kit's folders that go along, and those that do not."""
    sent: list[str] = []
    left_out: list[str] = []
    folders = [root / folder for folder in (*FOLDERS, DOCS)]
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        name = path.relative_to(root).as_posix()
        if "__pycache__" in path.parts or (path.is_dir() and not path.is_symlink()):
            continue
        if name in _FILES:
            continue
        kinds = [some for folder, some in _ELSEWHERE.items() if name.startswith(f"{folder}/")]
        known = path.suffix in (kinds[0] if kinds else _SOURCES)
        hidden = any(part.startswith(".") for part in name.split("/"))
        linked = path.resolve() != root.resolve() / name
        needed = known and not (hidden or linked or name.startswith(_NOT_NEEDED))
        (sent if needed else left_out).append(name)
    return sent, left_out


def _item(root: Path, name: str, made: str | None) -> Item:
    if made is None:
        path = root / name
        return Item(name, path, path.stat().st_size, sha256_of(path))
    content = made.encode("utf-8")
    return Item(name, content, len(content), hashlib.sha256(content).hexdigest())


def _complete(readme: str, models: list[str]) -> tuple[str, str]:
    """(front matter, whole README) for the installed Gradio and these models."""
    _, *parts = readme.split("---\n", 2)
    try:
        fields = yaml.safe_load(parts[0]) if readme.startswith("---\n") else None
    except (IndexError, yaml.YAMLError):
        fields = None
    if len(parts) != 2 or not isinstance(fields, dict) or fields.get("sdk") != SDK:
        raise SimsidError(
            f"{_README} does not begin with the front matter of a Gradio Space: deploy "
            "from an unchanged checkout"
        )
    try:
        fields["sdk_version"] = version(SDK)
    except PackageNotFoundError:
        raise SimsidError("gradio is not installed: pip install -r requirements.txt") from None
    wanted = [parse_name(model) for model in models if not model.startswith(BUNDLED)]
    if wanted:
        fields["models"] = [name.repository for name in wanted]
        # Of each the files that the page opens, at the commit that it asks for.
        fields["preload_from_hub"] = [
            f"{name.repository} {','.join(FILES)} {name.revision}" for name in wanted
        ]
    front = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=1000)
    return front, f"---\n{front}---\n{parts[1]}"
