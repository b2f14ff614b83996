"""``python -m simsid.benchmark report DIR``: the tables and plots of what ``run`` measured."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from simsid.benchmark.job import FORMAT_VERSION
from simsid.benchmark.journal import Journal
from simsid.benchmark.output import spread
from simsid.benchmark.ranking import COST, QUALITY, mean_scores, rank
from simsid.benchmark.ranking_plots import draw_cost, draw_kinds, draw_roc
from simsid.benchmark.side_by_side import draw_side_by_side
from simsid.cli import parse
from simsid.errors import SimsidError
from simsid.evaluation.blocks import Picture, Section, Table, number
from simsid.evaluation.evaluate import strict_json
from simsid.evaluation.provenance import kit_commit, versions
from simsid.evaluation.render import to_markdown
from simsid.files import atomic_text, write_text

NAME = "benchmark"
_NOTE = "note.txt"
_REFERENCE = "simsid"
_WORDS = (
    "Highest mean AUROC first. ± is the standard deviation over training seeds; intervals are 95 % "
    "bootstrap intervals over the measured images, of the mean over seeds. Sensitivity, F1 and false "
    "alarms are at the threshold that calibration normals set for the stated rate.",
)
_AGAINST = (
    "*Difference* is to `{}`, fixed beforehand, paired by seed and image; its interval and p (two-"
    "sided, adjusted for the number of rows by Holm's method) draw images and seeds anew. Few seeds "
    "say little of other seeds."
)
_COST_WORDS = (
    "Training seconds are those of the loop and of what follows it, without reading data; memory "
    "is the peak of the whole process with Python and torch in it. What was stopped and went on "
    "cannot tell either.",
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
    parser = ArgumentParser(
        prog="python -m simsid.benchmark report",
        description="Write tables and plots of what `run` left in a folder.",
        exit_on_error=False,
    )
    add = parser.add_argument
    add("folder", type=str, help="the --out of `run`")
    add("--export", type=str | None, default=None,
        help="also copy tables and plots there, without pictures of films")  # fmt: skip
    add("--reference", type=str | None, default=None,
        help="model that the others are compared with; default: simsid, else the first")  # fmt: skip
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
        reference: model that the others are compared with; None for 'simsid' or, without it, the
            first that was run.

    Raises:
        SimsidError: no row of any data set was measured, or none is the reference's.
    """
    lines = Journal(folder, {}).done()
    models = list(dict.fromkeys(name.partition("/")[2] for name, _ in lines))
    if reference is not None and reference not in models:
        raise SimsidError(f"no row of '{reference}' in {folder}; there are: {', '.join(models)}")
    reference = reference or (_REFERENCE if _REFERENCE in models else models[0])
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    data = {
        file.stem: json.loads(file.read_text("utf-8"))
        for file in sorted((folder / "data").glob("*.json"))
    }
    entries = {name: rank(lines, name, data[name]["labels"], reference) for name in data}
    entries = {name: found for name, found in entries.items() if any(e["auroc"] for e in found)}
    if not entries:
        raise SimsidError(f"no row in {folder} was measured: see logs/ for what failed")
    _draw(folder, lines, data, entries)
    write_text(folder / f"{NAME}.md", _page(folder, settings, data, entries, reference))
    _write_csv(folder / f"{NAME}.csv", entries)
    content = {
        "format_version": FORMAT_VERSION,
        "note": _note(folder),
        "reference": reference,
        "settings": settings,
        "data": {n: {k: data[n][k] for k in ("fingerprint", "part", "train")} for n in entries},
        "commits": sorted({c for found in entries.values() for e in found for c in e["commits"]}),
        "versions": versions(),
        "entries": [entry for found in entries.values() for entry in found],
    }
    text = json.dumps(strict_json(content), indent=1, allow_nan=False)
    write_text(folder / f"{NAME}.json", text + "\n")
    best = [f"{name}: {found[0]['model']} {spread(found[0]['auroc'], True)}"
            for name, found in entries.items()]  # fmt: skip
    return "\n".join(["first by AUROC:", *best, f"table: {folder / f'{NAME}.md'}"])


def _note(folder: Path) -> str:
    file = folder / _NOTE
    return file.read_text("utf-8").strip() if file.exists() else ""


def export(folder: Path, target: Path) -> Path:
    """Copy what may be shown to everybody: tables, plots, and pictures of generated images only."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.png"):
        old.unlink()
    plots = ["roc.png", "kinds.png", "cost.png"]
    page = (folder / f"{NAME}.md").read_text("utf-8")
    for file in sorted((folder / "data").glob("*.json")):
        picture = f"panels-{file.stem}.png"
        if json.loads(file.read_text("utf-8"))["made_by_the_kit"]:
            plots.append(picture)
        else:  # the picture, and its caption below it
            page = re.sub(rf"!\[[^\]]*\]\({re.escape(picture)}\)\n\n\*[^\n]*\*\n", "", page)
    for name in plots:
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    texts = {
        f"{NAME}.{kind}": (folder / f"{NAME}.{kind}").read_text("utf-8") for kind in ("csv", "json")
    }
    texts[f"{NAME}.md"] = page
    places = _places(folder)
    for name, text in texts.items():
        for place, word in places.items():
            text = text.replace(place, word)
        write_text(target / name, text)
    return target


def _places(folder: Path) -> dict[str, str]:
    """Folders and files of the machine that it ran on, and what a reader puts there."""
    found = {}
    for line in Journal(folder, {}).done().values():
        words = shlex.split(line.get("command", ""))
        for option, value in pairwise(words):
            if option == "--data-root":
                found[value] = f"{line['dataset'].upper()}_ROOT"
            elif option in ("--digits", "--digits-root") and ("/" in value or "." in value):
                found[value] = f"DIGITS{Path(value).suffix}"
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _draw(
    folder: Path, lines: Any, data: dict[str, Any], entries: dict[str, list[dict[str, Any]]]
) -> None:
    scores = {
        name: {e["model"]: mean_scores(lines, name, e["model"]) for e in found if e["auroc"]}
        for name, found in entries.items()
    }
    labels = {name: data[name]["labels"] for name in entries}
    draw_roc(scores, labels, folder / "roc.png")
    draw_kinds(entries, folder / "kinds.png")
    draw_cost(entries, folder / "cost.png")
    for name, found in entries.items():
        models = [entry["model"] for entry in found if entry["auroc"]]
        draw_side_by_side(folder, name, models, folder / f"panels-{name}.png")


def _page(
    folder: Path,
    settings: dict[str, Any],
    data: dict[str, Any],
    entries: dict[str, list[dict[str, Any]]],
    reference: str,
) -> str:
    sections = []
    for name, found in entries.items():
        about = data[name]
        normals = about["labels"].count(0)
        words = (
            f"{about['train']} normals to train, {about['calibration']} to calibrate, "
            f"{normals} normals and {len(about['labels']) - normals} abnormals of the "
            f"{about['part']} part measured; {about['image_size'][0]}x{about['image_size'][1]} px, "
            f"data {about['fingerprint']}."
        )
        panels = Picture(
            folder / f"panels-{name}.png",
            "The same images by every method, its map on its own fixed scale; below: p-value.",
        )
        tables = _quality_table(found), _cost_table(found), _PARTS_WORDS, _parts_table(found)
        sections.append(Section(name, (words, *tables, panels)))
    commits = sorted(
        {commit for found in entries.values() for e in found for commit in e["commits"]}
    )
    made = {
        **settings,
        "rows made with commit": ", ".join(commits),
        "report made with commit": kit_commit() or "none (not a checkout)",
        "versions": ", ".join(f"{k} {v}" for k, v in versions().items() if v),
    }
    plots = (
        Picture(folder / "roc.png", "ROC curves and areas, means over seeds."),
        Picture(folder / "kinds.png", "AUROC by kind of anomaly, mean over seeds."),
        Picture(folder / "cost.png", "Quality against cost: AUROC over training time and speed."),
    )
    rows = tuple((key.replace("_", " "), str(value)) for key, value in made.items())
    commands = tuple(
        (e["dataset"], e["model"], f"`{e['command']}`")
        for found in entries.values() for e in found if e["command"]
    )  # fmt: skip
    sections += [
        Section("Plots", plots),
        Section("Limits", (*filter(None, [_note(folder)]), *_LIMITS)),
        Section("Commands", (_COMMAND_WORDS, Table(("data", "model", "command"), commands))),
        Section("How this was made", (Table(("what", "value"), rows),)),
    ]
    title = f"Benchmark at the {settings['budget']} budget"
    first = Section("How to read the tables", (*_WORDS, _AGAINST.format(reference), *_COST_WORDS))
    note = "Research software, not a medical device. Unsupervised: trained on normals only."
    return to_markdown(title, note, [first, *sections], folder)


def _quality_table(found: list[dict[str, Any]]) -> Table:
    kinds = list(dict.fromkeys(kind for entry in found for kind in entry["by_kind"]))
    kinds = kinds if 1 < len(kinds) <= 6 else []
    pixels = [
        name
        for name in ("pixel_auroc", "aupro", "dice", "iou", "box_iou")
        if any(e[name] for e in found)
    ]
    header = ("model", "seeds", "AUROC", "difference", "p", "AUPR", "F1", "sensitivity",
              "false alarms", *kinds, *(name.replace("_", " ") for name in pixels))  # fmt: skip
    rows = []
    for e in found:
        value = e["auroc"] or {}
        difference, p_value = "", ""
        if "difference" in value:
            low, high = value["difference_ci"]
            difference = f"{value['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
            p_value = f"{value['difference_p_adjusted']:.2g}"
        failed = f" ({len(e['failed'])} failed)" if e["failed"] else ""
        rows.append((
            e["model"], f"{e['seeds']}{failed}", spread(e["auroc"], interval=True), difference,
            p_value, *(spread(e[name]) for name in ("aupr", "f1", "sensitivity", "false_alarms")),
            *(number((e["by_kind"].get(kind) or {}).get("mean")) for kind in kinds),
            *(spread(e[name]) for name in pixels),
        ))  # fmt: skip
    return Table(header, tuple(rows))


def _parts_table(found: list[dict[str, Any]]) -> Table:
    rows = []
    for e in found:
        parts = [f"{name} {spread(value)}" for name, value in e["by_score"].items()]
        rows.append((e["model"], "; ".join(parts)))
    return Table(("model", "AUROC of each score"), tuple(rows))


def _cost_table(found: list[dict[str, Any]]) -> Table:
    header = ("model", "training s", "training images/s", "scoring images/s", "peak memory MB",
              "model folder MB", "parameters M", "device")  # fmt: skip
    rows = []
    for e in found:
        cost = e["cost"]
        rows.append((
            e["model"], number(cost["train_seconds"], 0),
            number(cost["train_images_per_second"], 0), number(cost["score_images_per_second"], 0),
            number(cost["peak_memory_mb"], 0), number(cost["model_mb"], 1),
            "n/a" if cost["parameters"] is None else f"{cost['parameters'] / 1e6:.2f}",
            e["machine"],
        ))  # fmt: skip
    return Table(header, tuple(rows))


def _write_csv(file: Path, entries: dict[str, list[dict[str, Any]]]) -> None:
    rows = [_flat(entry) for found in entries.values() for entry in found]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_text(file) as out:
        writer = csv.DictWriter(out, names, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    value = entry["auroc"] or {}
    low, high = value.get("ci", (None, None))
    row = {
        "dataset": entry["dataset"], "model": entry["model"], "seeds": entry["seeds"],
        "failed": "; ".join(entry["failed"]), "auroc": value.get("mean"),
        "auroc_std": value.get("std"), "auroc_low": low, "auroc_high": high,
        "difference": value.get("difference"), "p_adjusted": value.get("difference_p_adjusted"),
    }  # fmt: skip
    for name in QUALITY:
        row[name], row[f"{name}_std"] = ((entry[name] or {}).get(key) for key in ("mean", "std"))
    row |= {f"auroc_{kind}": (v or {}).get("mean") for kind, v in entry["by_kind"].items()}
    row |= {name: entry["cost"][name] for name in COST} | {"command": entry["command"]}
    return {key: round(v, 6) if isinstance(v, float) else v for key, v in row.items()}
