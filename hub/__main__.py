"""``python -m hub``: push, pull, list, verify, export models; push data sets; deploy the page."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser

from simsid.cli import (
    GENERAL_OPTIONS,
    add_general_options,
    command_parser,
    parse,
    run_command,
)
from simsid.errors import SimsidError
from simsid.files import path_text


def make_parser() -> ArgumentParser:
    """All subcommands and their options."""
    parser = command_parser("python -m hub", "Share and fetch trained models.")
    commands = parser.add_subcommands(dest="command")
    push = _command("push", "share a run's model folder on the Hub")
    push.add_argument("run", type=path_text, help="run folder or model folder")
    _add_sharing(
        push,
        "I may share what was learned from the data; for data whose terms the kit does not know",
    )
    commands.add_subcommand("push", push)
    dataset = _command("push-dataset", "share a data set that python -m synth wrote")
    dataset.add_argument("folder", type=path_text, help="folder of the data set")
    _add_sharing(
        dataset,
        "I may share these pictures; for glyphs and films whose terms the kit does not know",
    )
    commands.add_subcommand("push-dataset", dataset)
    pull = _command("pull", "fetch a model, pinned to a commit and checked")
    pull.add_argument("repository", type=str, help="user/name or user/name@commit")
    pull.add_argument("--revision", type=str | None, default=None, help="commit, branch or tag")
    pull.add_argument("--out", type=path_text, default=None, help="new folder that takes a copy")
    commands.add_subcommand("pull", pull)
    commands.add_subcommand("list", _command("list", "list bundled models and those in the cache"))
    verify = _command("verify", "check a model from end to end")
    verify.add_argument("model", type=path_text, help="folder, bundled:NAME, or user/name[@commit]")
    commands.add_subcommand("verify", verify)
    export = _command("export", "write a model as a graph that ONNX Runtime reads without torch")
    export.add_argument("model", type=path_text, help="folder, bundled:NAME, or user/name[@commit]")
    export.add_argument(
        "--format", type=Literal["onnx", "openvino"], default="onnx", help="of the graph"
    )
    export.add_argument("--out", type=path_text, required=True, help="folder to write")
    export.add_argument(
        "--int8",
        action="store_true",
        help="networks in 8 bits: smaller, and scores differ a little",
    )
    export.add_argument(
        "--normals",
        type=path_text,
        default=None,
        help="of --int8: folder of normal films, from which ranges are taken",
    )
    export.add_argument(
        "--labelled",
        type=path_text,
        default=None,
        help="of --int8: folder with a folder normal and others of abnormal films, to tell the AUROC "
        "before and after",
    )
    commands.add_subcommand("export", export)
    space = _command("deploy-space", "deploy the page as a Hugging Face Space")
    space.add_argument("repository", type=str, help="user/name; created if it is missing")
    space.add_argument(
        "--models",
        type=str,
        default="",
        help="models of the Hub that the page offers: user/a,user/b@commit",
    )
    space.add_argument("--private", action="store_true", help="create a private Space")
    space.add_argument(
        "--hardware", type=str | None, default=None, help="hardware of the Space, such as zero-a10g"
    )
    space.add_argument("--dry-run", action="store_true", help="only list what would be sent")
    commands.add_subcommand("deploy-space", space)
    return parser


def _add_sharing(parser: ArgumentParser, promise: str) -> None:
    """Where to, and what the user promises by it."""
    parser.add_argument("repository", type=str, help="user/name; created if it is missing")
    parser.add_argument("--private", action="store_true", help="use a private repository")
    parser.add_argument("--revision", type=str, default="main", help="branch to write to")
    parser.add_argument("--i-may-share", action="store_true", help=promise)
    parser.add_argument("--dry-run", action="store_true", help="only list what would be shared")


def _command(name: str, description: str) -> ArgumentParser:
    parser = command_parser(f"python -m hub {name}", description)
    add_general_options(parser)  # beside those that ``parse`` adds before the subcommand
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError, OSError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    given = options[options.command].as_dict()
    for name in GENERAL_OPTIONS:  # ``parse`` has seen to them
        given.pop(name)
    return _COMMANDS[options.command](**given)


def _push(
    run: str, repository: str, private: bool, revision: str, i_may_share: bool, dry_run: bool
) -> int:
    from hub.names import parse_name
    from hub.push import collect, push, refusal

    name = parse_name(repository, revision)
    items, described = collect(Path(run))
    for item in items:
        print(f"{item.sha256}  {item.size:>10}  {item.name}")
    if dry_run:
        refused = refusal(described, name, private, i_may_share)
        if refused is not None:
            raise refused
        print(f"would go to {name}; nothing was sent")
        return 0
    commit = push(items, described, name, private, i_may_share)
    print(f'shared: hub.load("{name.repository}@{commit}")')
    return 0


def _push_dataset(
    folder: str, repository: str, private: bool, revision: str, i_may_share: bool, dry_run: bool
) -> int:
    from hub.names import parse_name
    from hub.push_dataset import collect_dataset, push_dataset

    name = parse_name(repository, revision)
    items = collect_dataset(Path(folder), name, i_may_share)
    for item in items:
        print(f"{item.sha256}  {item.size:>10}  {item.name}")
    print(f"{len(items)} files, {sum(item.size for item in items)} bytes")
    if dry_run:
        print(f"would go to the data set {name}; nothing was sent")
        return 0
    commit = push_dataset(items, name, private)
    print(f'shared: datasets.load_dataset("{name.repository}", revision="{commit}")')
    return 0


def _pull(repository: str, revision: str | None, out: str | None) -> int:
    from hub.names import parse_name
    from hub.pull import pull
    from hub.verify import verify

    pulled = pull(parse_name(repository, revision), Path(out) if out else None)
    verify(pulled.folder, sums_needed=True)
    print(f"{pulled.repository}@{pulled.commit}\n{pulled.folder}")
    return 0


def _list() -> int:
    from hub import bundled_models
    from hub.cache import list_cached

    for name in bundled_models():
        print(name)
    for item in list_cached():
        print(f"{item.repository}@{item.commit}  {item.detector}  {item.size / 1e6:.1f} MB")
    return 0


def _verify(model: str) -> int:
    from hub import open_verified

    verified = open_verified(model)
    for file, size in verified.sizes.items():
        print(f"{size:>10}  {file}")
    sums = "sha256 sums agree" if verified.sums else "no SHA256SUMS to compare with"
    print(f"ok: {verified.detector.name}, {sums}")
    return 0


def _export(
    model: str, format: str, out: str, int8: bool, normals: str | None, labelled: str | None
) -> int:
    from hub.export import export
    from hub.int8 import Int8Films

    if int8 != (normals is not None) or (labelled is not None and not int8):
        raise SimsidError(
            "--int8 and --normals go together: give a folder of normal films for the ranges; --labelled "
            "goes with them"
        )
    films = Int8Films(Path(normals), Path(labelled) if labelled else None) if normals else None
    report = export(model, format, Path(out), films, _begin)
    print("\n".join([*report.screen_lines(), f"exported model: {out}; see its README.md"]))
    for told in report.warnings():
        print(f"warning: {told}")
    return 0


def _begin(stage: str) -> None:
    """Name what begins, beside the report that goes to standard output; it may take a minute."""
    print(stage, file=sys.stderr, flush=True)


def _deploy_space(
    repository: str, models: str, private: bool, hardware: str | None, dry_run: bool
) -> int:
    from hub.names import parse_name
    from hub.space import check_hardware, deploy, pin
    from hub.space_files import collect

    space = parse_name(repository).repository
    check_hardware(hardware)
    names = list(dict.fromkeys(models.replace(",", " ").split()))
    files = collect(names, hardware)
    if not dry_run:
        names = pin(names)
        files = collect(names, hardware)
    for item in files.items:
        print(f"{item.sha256}  {item.size:>10}  {item.name}")
    for name in files.left_out:
        print(f"not sent: {name}")
    print(f"{len(files.items)} files, {sum(item.size for item in files.items)} bytes")
    print(f"---\n{files.front_matter}---")
    if names:
        pinned = "each pinned to its commit when sent" if dry_run else "at these commits"
        print(f"SIMSID_MODELS={','.join(names)} ({pinned})")
    if dry_run:
        print(f"would go to the Space {space}; nothing was sent")
        return 0
    commit = deploy(space, files, names, private, hardware)
    print(f"deployed: {space} at commit {commit}")
    return 0


_COMMANDS: dict[str, Callable[..., int]] = {
    "push": _push,
    "pull": _pull,
    "list": _list,
    "verify": _verify,
    "export": _export,
    "deploy-space": _deploy_space,
    "push-dataset": _push_dataset,
}


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "0" if sys.stderr.isatty() else "1")
    sys.exit(run_command(main))
