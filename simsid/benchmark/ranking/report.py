"""``python -m simsid.benchmark report DIR …``: the tables and plots of what ``run`` measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jsonargparse import ArgumentParser

from simsid.benchmark.ceiling.kept import read_ceilings
from simsid.benchmark.journal import Journal
from simsid.benchmark.options import check_results, is_sweep
from simsid.benchmark.public import (
    copy_plots,
    panels_file,
    public_lines,
    public_path,
    public_run,
    without_pictures,
)
from simsid.benchmark.ranking import job
from simsid.benchmark.ranking.joined import SETTINGS, TYPED, join
from simsid.benchmark.ranking.page import ranking_page
from simsid.benchmark.ranking.plots import draw_cost, draw_kinds, draw_roc
from simsid.benchmark.ranking.rank import mean_scores, rank
from simsid.benchmark.ranking.records import (
    FORMAT_VERSION,
    Described,
    Entry,
    MeasuredOn,
    Ranking,
    read_settings,
)
from simsid.benchmark.ranking.side_by_side import draw_side_by_side
from simsid.benchmark.ranking.tables import told, write_csv
from simsid.benchmark.record_files import file_stem, read_json, write_json
from simsid.benchmark.summary import Lines
from simsid.cli import command_parser, parse
from simsid.errors import SimsidError
from simsid.evaluation.provenance import versions
from simsid.files import path_text, write_text

NAME = "benchmark"
_NOTE, _CHOSEN = "note.txt", "reference.txt"
_REFERENCE = "simsid"
_KEPT = "with which every report compares unless told otherwise"
_NAMED = "which was named for this report (only a choice made before looking is a fair one)"
_FIRST = "the first model that was run, as simsid is not in this table (--reference names another)"


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.benchmark report",
        "Write tables and plots of what `run` left in a folder.",
    )
    add = parser.add_argument
    add("folders", type=path_text, nargs="+",
        help="the --out of `run`; several, where one table's trainings were spread, with --out")  # fmt: skip
    add("--out", type=path_text, default=None, help="folder to join several in, made anew")
    add("--export", type=path_text, default=None,
        help="also write tables and plots there, without paths and without pictures of films")  # fmt: skip
    add("--reference", type=str | None, default=None,
        help="model that the others are compared with, kept in the folder; default: simsid, "
        "else the first")  # fmt: skip
    add("--note", type=str | None, default=None,
        help="what readers must know of these runs; kept in the folder")  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: there is nothing to report on.
    """
    options = parse(make_parser(), arguments)
    if options.export:
        check_results(Path(options.export), "--export")
    folder = _folder([Path(name) for name in options.folders], options.out)
    if options.note is not None:
        write_text(folder / _NOTE, options.note.strip() + "\n")
    print(write_report(folder, options.reference))
    if options.export:
        print(f"exported: {export(folder, Path(options.export))}")
    return 0


def _folder(folders: list[Path], out: str | None) -> Path:
    for folder in folders:
        if not (folder / "rows.jsonl").exists() or not is_sweep(folder):
            raise SimsidError(
                f"no rows in {folder}: give the --out of `python -m simsid.benchmark run`"
            )
    if out is not None:
        check_results(Path(out), "--out")
    if len(folders) > 1 and out is None:
        raise SimsidError("several folders need --out, a folder to join them in")
    return folders[0] if out is None else join(folders, Path(out))


def write_report(folder: Path, reference: str | None = None) -> str:
    """Write ``benchmark.md``, ``.csv``, ``.json`` and the plots; returns what to print.

    Args:
        reference: model that the others are compared with; None for the one that was named last,
            or 'simsid' or, without it, the first that was run.

    Raises:
        SimsidError: no row of any data set was measured, they are of another format, or none is
            the reference's.
    """
    lines = _lines(folder)
    reference = _reference(folder, lines, reference)
    data = _data(folder, lines)
    entries = _entries(folder, lines, data, reference)
    _draw(folder, lines, data, entries, reference)
    _write(folder, folder, entries, data, reference)
    best = [f"{name}: {found[0].model} {told(found[0].auroc, True)}"
            for name, found in entries.items()]  # fmt: skip
    return "\n".join(["first by AUROC:", *best, f"table: {folder / f'{NAME}.md'}"])


def export(folder: Path, target: Path) -> Path:
    """Write what may be shown to everybody: tables, plots, and pictures of generated images only.

    Raises:
        SimsidError: as ``write_report``, or ``target`` is ``folder``.
    """
    left_out = copy_plots(folder, target)
    lines = _lines(folder)
    reference = _reference(folder, lines, None)
    data = _data(folder, lines)
    entries = _entries(folder, public_lines(lines), data, reference)
    _write(folder, target, entries, data, reference, left_out)
    return target


def _lines(folder: Path) -> Lines:
    """Rows of the journal, of the present format.

    Raises:
        SimsidError: there are none, or others.
    """
    lines = Journal(folder, {}).done()
    if not any(line["ok"] for line in lines.values()):
        raise SimsidError(f"no row in {folder} was measured: see logs/ for what failed")
    others = {line.get("format_version") for line in lines.values() if line["ok"]}
    if others != {job.FORMAT_VERSION}:
        raise SimsidError(
            f"{folder} holds rows of format {', '.join(map(str, others))}, this kit has "
            f"{job.FORMAT_VERSION}: measure them again, with another --out"
        )
    return lines


def _data(folder: Path, lines: Lines) -> dict[str, Described]:
    names = sorted({name.partition("/")[0] for name, _ in lines})
    return {
        name: read_json(Described, folder / "data" / f"{file_stem(name)}.json") for name in names
    }


def _reference(folder: Path, lines: Lines, named: str | None) -> str:
    models = list(dict.fromkeys(name.partition("/")[2] for name, _ in lines))
    kept = _text(folder / _CHOSEN)
    if named is not None:
        if named not in models:
            raise SimsidError(f"no row of '{named}' in {folder}; there are: {', '.join(models)}")
        write_text(folder / _CHOSEN, named + "\n")
        return named
    if kept in models:
        return kept
    return _REFERENCE if _REFERENCE in models else models[0]


def _entries(
    folder: Path, lines: Lines, data: dict[str, Described], reference: str
) -> dict[str, list[Entry]]:
    """Of each data set that has a measured row, in the order in which they were run."""
    rate = read_settings(folder / SETTINGS).false_alarm_rate
    order = dict.fromkeys(case.partition("/")[0] for case, _ in lines)
    entries = {
        name: rank(lines, name, data[name].labels, reference, data[name].kinds, rate)
        for name in order
    }
    return {name: found for name, found in entries.items() if any(e.auroc for e in found)}


def _write(
    folder: Path,
    target: Path,
    entries: dict[str, list[Entry]],
    data: dict[str, Described],
    reference: str,
    left_out: list[str] | None = None,
) -> None:
    """Write page, CSV and JSON; with ``left_out`` for everybody, without those pictures."""
    settings = read_settings(folder / SETTINGS)
    commands = _text(folder / TYPED).splitlines()
    if left_out is not None:
        root = settings.digits_root
        settings = replace(
            settings,
            digits=public_path("--digits", settings.digits),
            digits_root=None if root is None else public_path("--digits-root", root),
        )
        commands = list(dict.fromkeys(map(public_run, commands)))
    note, why = _text(folder / _NOTE), _why(folder, reference)
    ceilings = read_ceilings(folder, {name: data[name].fingerprint for name in entries})
    page = ranking_page(target, settings, data, entries, (reference, why), note, commands, ceilings)
    write_text(target / f"{NAME}.md", without_pictures(page, left_out or []))
    every = [entry for found in entries.values() for entry in found]
    write_csv(target / f"{NAME}.csv", every)
    ranking = Ranking(
        format_version=FORMAT_VERSION,
        note=note,
        reference=reference,
        settings=settings,
        data={n: MeasuredOn(fingerprint=data[n].fingerprint, part=data[n].part, train=data[n].train)
              for n in entries},
        commits=tuple(sorted({commit for entry in every for commit in entry.commits})),
        versions=versions(),
        entries=tuple(every),
        ceilings=ceilings or None,
    )  # fmt: skip
    write_json(target / f"{NAME}.json", ranking)


def _why(folder: Path, reference: str) -> str:
    """How the reference came to be one."""
    if _text(folder / _CHOSEN) == reference:
        return _NAMED
    return _KEPT if reference == _REFERENCE else _FIRST


def _text(file: Path) -> str:
    return file.read_text("utf-8").strip() if file.exists() else ""


def _draw(
    folder: Path,
    lines: Lines,
    data: dict[str, Described],
    entries: dict[str, list[Entry]],
    reference: str,
) -> None:
    scores = {
        name: {e.model: mean_scores(lines, name, e.model) for e in found if e.auroc}
        for name, found in entries.items()
    }
    labels = {name: data[name].labels for name in entries}
    draw_roc(scores, labels, reference, folder / "roc.png")
    draw_kinds(entries, folder / "kinds.png")
    draw_cost(entries, reference, folder / "cost.png")
    for name, found in entries.items():
        models = [entry.model for entry in found if entry.auroc]
        draw_side_by_side(folder, name, models, folder / panels_file(name))
