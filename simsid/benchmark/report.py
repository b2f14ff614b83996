"""``python -m simsid.benchmark report DIR``: the tables and plots of what ``run`` measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from simsid.benchmark import job
from simsid.benchmark.export import (
    copy_plots,
    panels_file,
    public_lines,
    public_run,
    public_settings,
    without_pictures,
)
from simsid.benchmark.journal import Journal
from simsid.benchmark.output import spread
from simsid.benchmark.ranking import mean_scores, rank
from simsid.benchmark.ranking_plots import draw_cost, draw_kinds, draw_roc
from simsid.benchmark.ranking_tables import cost_table, parts_table, quality_table, write_csv
from simsid.benchmark.side_by_side import draw_side_by_side
from simsid.benchmark.summary import Lines
from simsid.cli import command_parser, parse
from simsid.errors import SimsidError
from simsid.evaluation.blocks import Picture, Section, Table
from simsid.evaluation.evaluate import strict_json
from simsid.evaluation.provenance import kit_commit, versions
from simsid.evaluation.render import to_markdown
from simsid.files import write_text

FORMAT_VERSION = 2  # of benchmark.json
NAME = "benchmark"
TYPED = "commands.txt"  # what was typed for this folder, a line each
_NOTE, _CHOSEN = "note.txt", "reference.txt"
_REFERENCE = "simsid"
_WORDS = (
    "Highest mean AUROC first; rows that lack seeds come after the others. ± is the standard "
    "deviation over training seeds; intervals are 95 % bootstrap intervals over the measured images, "
    "of the mean over seeds. Sensitivity, F1 and false alarms are at the threshold that calibration "
    "normals set for the stated rate.",
)
_AGAINST = (
    "*Minus {}*: the difference to the model that was to be the reference whatever came out, "
    "paired by seed and image; interval (of one comparison) and p (two-sided, adjusted for the "
    "number of rows by Holm's method) cover images and seeds. *Minus* another model, where there is "
    "such a column: to the best row, which was picked by these very numbers, so it favours that "
    "row a little. One seed gives no p."
)
_COST_WORDS = (
    "Training seconds are those of the loop and of what follows it, without reading data and "
    "calibration, but with some ten seconds that every method takes alike to learn which films are "
    "out of place; memory is the peak of the whole process with Python and torch in it. What was "
    "stopped and went on cannot tell either.",
)
_PARTS_WORDS = (
    "Every score that a method offers, by itself (`--score NAME`); the first is its default, which "
    "the tables above rank. Picking the best of them here would be picking on these labels."
)
_COMMAND_WORDS = "Each command trains one seed of its row; the other seeds differ in --seed alone."
_LIMITS = (
    "Each method trains at its own preset for the budget: neither steps nor parameters are equal. "
    "A method that needs long training or pretrained features is worth more than `quick` shows.",
    "Intervals cover the measured images and, through ±, the training seed; not another hospital.",
)


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.benchmark report",
        "Write tables and plots of what `run` left in a folder.",
    )
    add = parser.add_argument
    add("folder", type=str, help="the --out of `run`")
    add("--export", type=str | None, default=None,
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
    folder = Path(options.folder)
    if not (folder / "rows.jsonl").exists():
        raise SimsidError(
            f"no rows in {folder}: give the --out of `python -m simsid.benchmark run`"
        )
    if options.note is not None:
        write_text(folder / _NOTE, options.note.strip() + "\n")
    print(write_report(folder, options.reference))
    if options.export:
        print(f"exported: {export(folder, Path(options.export))}")
    return 0


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
    data = _data(folder)
    entries = _entries(lines, data, reference)
    _draw(folder, lines, data, entries, reference)
    _write(folder, folder, entries, data, reference)
    best = [f"{name}: {found[0]['model']} {spread(found[0]['auroc'], True)}"
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
    data = _data(folder)
    entries = _entries(public_lines(lines), data, reference)
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


def _data(folder: Path) -> dict[str, Any]:
    files = sorted((folder / "data").glob("*.json"))
    return {file.stem: json.loads(file.read_text("utf-8")) for file in files}


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


def _entries(lines: Lines, data: dict[str, Any], reference: str) -> dict[str, list[dict[str, Any]]]:
    entries = {name: rank(lines, name, data[name]["labels"], reference) for name in data}
    return {name: found for name, found in entries.items() if any(e["auroc"] for e in found)}


def _write(
    folder: Path,
    target: Path,
    entries: dict[str, list[dict[str, Any]]],
    data: dict[str, Any],
    reference: str,
    left_out: list[str] | None = None,
) -> None:
    """Write page, CSV and JSON; with ``left_out`` for everybody, without those pictures."""
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    commands = _text(folder / TYPED).splitlines()
    if left_out is not None:
        settings = public_settings(settings)
        commands = list(dict.fromkeys(map(public_run, commands)))
    command = "; then ".join(f"`{text}`" for text in commands)
    page = _page(target, settings, data, entries, reference, _text(folder / _NOTE), command)
    write_text(target / f"{NAME}.md", without_pictures(page, left_out or []))
    every = [entry for found in entries.values() for entry in found]
    write_csv(target / f"{NAME}.csv", every)
    content = {
        "format_version": FORMAT_VERSION,
        "note": _text(folder / _NOTE),
        "reference": reference,
        "settings": settings,
        "data": {n: {k: data[n][k] for k in ("fingerprint", "part", "train")} for n in entries},
        "commits": sorted({commit for entry in every for commit in entry["commits"]}),
        "versions": versions(),
        "entries": every,
    }
    text = json.dumps(strict_json(content), indent=1, allow_nan=False)
    write_text(target / f"{NAME}.json", text + "\n")


def _text(file: Path) -> str:
    return file.read_text("utf-8").strip() if file.exists() else ""


def _draw(
    folder: Path,
    lines: Lines,
    data: dict[str, Any],
    entries: dict[str, list[dict[str, Any]]],
    reference: str,
) -> None:
    scores = {
        name: {e["model"]: mean_scores(lines, name, e["model"]) for e in found if e["auroc"]}
        for name, found in entries.items()
    }
    labels = {name: data[name]["labels"] for name in entries}
    draw_roc(scores, labels, reference, folder / "roc.png")
    draw_kinds(entries, folder / "kinds.png")
    draw_cost(entries, reference, folder / "cost.png")
    for name, found in entries.items():
        models = [entry["model"] for entry in found if entry["auroc"]]
        draw_side_by_side(folder, name, models, folder / panels_file(name))


def _page(
    folder: Path,
    settings: dict[str, Any],
    data: dict[str, Any],
    entries: dict[str, list[dict[str, Any]]],
    reference: str,
    note: str,
    command: str,
) -> str:
    every = [entry for found in entries.values() for entry in found]
    sections = [_section(folder, name, data[name], found, reference)
                for name, found in entries.items()]  # fmt: skip
    commits = sorted({commit for entry in every for commit in entry["commits"]})
    made = {
        **settings,
        **({"command": command} if command else {}),
        "rows made with commit": ", ".join(commits),
        "report made with commit": kit_commit() or "none (not a checkout)",
        "versions": ", ".join(f"{k} {v}" for k, v in versions().items() if v),
    }
    plots = (
        Picture(folder / "roc.png", "ROC curves and areas, means over seeds."),
        Picture(folder / "kinds.png", "AUROC by kind of anomaly, mean over seeds."),
        Picture(folder / "cost.png", "Quality against cost: AUROC over training time and speed."),
    )
    mixed = [
        f"The seeds of {e['model']} on {e['dataset']} were made by different commits of the kit: "
        f"{', '.join(commit[:12] for commit in e['commits'])}."
        for e in every if len(e["commits"]) > 1
    ]  # fmt: skip
    rows = tuple((key.replace("_", " "), str(value)) for key, value in made.items())
    commands = tuple((e["dataset"], e["model"], f"`{e['command']}`") for e in every if e["command"])
    sections += [
        Section("Plots", plots),
        Section("Limits", (*filter(None, [note]), *mixed, *_LIMITS)),
        Section("Commands", (_COMMAND_WORDS, Table(("data", "model", "command"), commands))),
        Section("How this was made", (Table(("what", "value"), rows),)),
    ]
    title = f"Benchmark at the {settings['budget']} budget"
    first = Section("How to read the tables", (*_WORDS, _AGAINST.format(reference), *_COST_WORDS))
    words = "Research software, not a medical device. Unsupervised: trained on normals only."
    return to_markdown(title, words, [first, *sections], folder)


def _section(
    folder: Path, name: str, about: dict[str, Any], found: list[dict[str, Any]], reference: str
) -> Section:
    normals = about["labels"].count(0)
    words = (
        f"{about['train']} normals to train, {about['calibration']} to calibrate, "
        f"{normals} normals and {len(about['labels']) - normals} abnormals of the "
        f"{about['part']} part measured; {about['image_size'][0]}x{about['image_size'][1]} px, "
        f"data {about['fingerprint']}."
    )
    panels = Picture(
        folder / panels_file(name),
        "The same images by every method, its map on its own fixed scale; below: p-value.",
    )
    tables = quality_table(found, reference), cost_table(found), _PARTS_WORDS, parts_table(found)
    return Section(name, (words, *tables, panels))
