"""``python -m hub``: push, pull, list and verify models; deploy the page as a Space."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from simsid.cli import command_parser, parse, run_command
from simsid.files import path_text


def make_parser() -> ArgumentParser:
    """All subcommands and their options."""
    parser = command_parser("python -m hub", "Share and fetch trained models.")
    commands = parser.add_subcommands(dest="command")
    push = _command("push", "share a run's model folder on the Hub")
    push.add_argument("run", type=path_text, help="run folder or model folder")
    push.add_argument("repository", type=str, help="user/name; created if it is missing")
    push.add_argument("--private", action="store_true", help="use a private repository")
    push.add_argument("--revision", type=str, default="main", help="branch to write to")
    push.add_argument(
        "--i-may-share",
        action="store_true",
        help="I may share what was learned from the data; for data whose terms the kit does not know",
    )
    push.add_argument("--dry-run", action="store_true", help="only list what would be shared")
    commands.add_subcommand("push", push)
    pull = _command("pull", "fetch a model, pinned to a commit and checked")
    pull.add_argument("repository", type=str, help="user/name or user/name@commit")
    pull.add_argument("--revision", type=str | None, default=None, help="commit, branch or tag")
    pull.add_argument("--out", type=path_text, default=None, help="new folder that takes a copy")
    commands.add_subcommand("pull", pull)
    commands.add_subcommand("list", _command("list", "list bundled models and those in the cache"))
    verify = _command("verify", "check a model from end to end")
    verify.add_argument("model", type=path_text, help="folder, bundled:NAME, or user/name[@commit]")
    commands.add_subcommand("verify", verify)
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


def _command(name: str, description: str) -> ArgumentParser:
    parser = command_parser(f"python -m hub {name}", description)
    # Beside the one that ``parse`` adds before the subcommand.
    parser.add_argument(
        "--plugin",
        type=path_text,
        default=None,
        help="Python file with your own detectors; see docs/add-a-detector.md",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError, OSError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    commands = {"push": _push, "pull": _pull, "list": _list, "verify": _verify}
    commands |= {"deploy-space": _deploy_space}
    chosen = options[options.command]
    if chosen.plugin:
        from simsid.detectors.registry import load_plugin  # torch comes with it

        load_plugin(chosen.plugin)
    return commands[options.command](chosen)


def _push(options: Namespace) -> int:
    from hub.names import parse_name
    from hub.push import collect, push, refusal

    name = parse_name(options.repository, options.revision)
    items, described = collect(Path(options.run))
    for item in items:
        print(f"{item.sha256}  {item.size:>10}  {item.name}")
    if options.dry_run:
        refused = refusal(described, name, options.private, options.i_may_share)
        if refused is not None:
            raise refused
        print(f"would go to {name}; nothing was sent")
        return 0
    commit = push(items, described, name, options.private, options.i_may_share)
    print(f'shared: hub.load("{name.repository}@{commit}")')
    return 0


def _pull(options: Namespace) -> int:
    from hub.names import parse_name
    from hub.pull import pull
    from hub.verify import verify

    out = Path(options.out) if options.out else None
    pulled = pull(parse_name(options.repository, options.revision), out)
    verify(pulled.folder, sums_needed=True)
    print(f"{pulled.repository}@{pulled.commit}\n{pulled.folder}")
    return 0


def _list(options: Namespace) -> int:
    from hub import bundled_models
    from hub.cache import list_cached

    for name in bundled_models():
        print(name)
    for item in list_cached():
        print(f"{item.repository}@{item.commit}  {item.detector}  {item.size / 1e6:.1f} MB")
    return 0


def _verify(options: Namespace) -> int:
    from hub import open_verified

    verified = open_verified(options.model)
    for file, size in verified.sizes.items():
        print(f"{size:>10}  {file}")
    sums = "sha256 sums agree" if verified.sums else "no SHA256SUMS to compare with"
    print(f"ok: {verified.detector.name}, {sums}")
    return 0


def _deploy_space(options: Namespace) -> int:
    from hub.names import parse_name
    from hub.space import check_hardware, deploy, pin
    from hub.space_files import collect

    space = parse_name(options.repository).repository
    check_hardware(options.hardware)
    models = list(dict.fromkeys(options.models.replace(",", " ").split()))
    files = collect(models, options.hardware)
    if not options.dry_run:
        models = pin(models)
        files = collect(models, options.hardware)
    for item in files.items:
        print(f"{item.sha256}  {item.size:>10}  {item.name}")
    for name in files.left_out:
        print(f"not sent: {name}")
    print(f"{len(files.items)} files, {sum(item.size for item in files.items)} bytes")
    print(f"---\n{files.front_matter}---")
    if models:
        pinned = (
            "at these commits" if not options.dry_run else "each pinned to its commit when sent"
        )
        print(f"SIMSID_MODELS={','.join(models)} ({pinned})")
    if options.dry_run:
        print(f"would go to the Space {space}; nothing was sent")
        return 0
    commit = deploy(space, files, models, options.private, options.hardware)
    print(f"deployed: {space} at commit {commit}")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "0" if sys.stderr.isatty() else "1")
    sys.exit(run_command(main))
