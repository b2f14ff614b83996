"""The tables of the ranking: quality, cost, and every score by itself."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from simsid.benchmark.ranking.rank import COST, QUALITY
from simsid.benchmark.sweeps.output import spread
from simsid.evaluation.blocks import Table, number
from simsid.files import atomic_text

Entry = dict[str, Any]
_MOST_KINDS = 6
_PIXELS = (
    "pixel_auroc",
    "aupro",
    "dice",
    "iou",
    "pointing",
    "box_dice",
    "box_iou",
    "box_chance_iou",
)


def kind_columns(found: list[Entry]) -> list[str]:
    """Kinds of anomaly that have a column of their own, none where there is one only.

    Of more than six those that most models tell, in the order in which they come.
    """
    counts = Counter(kind for entry in found for kind in entry["by_kind"])
    kept = {kind for kind, _ in counts.most_common(_MOST_KINDS)}
    return [kind for kind in counts if kind in kept] if len(counts) > 1 else []


def overview_table(entries: dict[str, list[Entry]]) -> Table:
    """A row for each model, over all data sets: highest mean first, then those that lack a row.

    A mean over data sets orders the rows and is not shown: it is no measure of anything.
    """
    by_model: dict[str, dict[str, Entry]] = {}
    for name, found in entries.items():
        for entry in found:
            by_model.setdefault(entry["model"], {})[name] = entry
    most = {name: max(entry["seeds"] for entry in found) for name, found in entries.items()}

    def place(own: dict[str, Entry]) -> tuple[bool, float]:
        known = [own[name] for name in entries if name in own]
        whole = len(known) == len(entries)
        if whole and all(entry["seeds"] == most[entry["dataset"]] for entry in known):
            return False, -sum(entry["auroc"]["mean"] for entry in known)
        return True, -max(entry["auroc"]["mean"] if entry["auroc"] else 0 for entry in own.values())

    def costs(own: dict[str, Entry], name: str) -> str:
        values = [own[data]["cost"][name] if data in own else None for data in entries]
        return " / ".join(number(value, 0) for value in values)

    rows = [
        (f"`{model}`", *(spread(own[name]["auroc"]) if name in own else "n/a" for name in entries),
         costs(own, "train_seconds"), costs(own, "score_images_per_second"))
        for model, own in sorted(by_model.items(), key=lambda item: place(item[1]))
    ]  # fmt: skip
    return Table(("model", *entries, "training, s", "scoring, images/s"), tuple(rows))


def quality_table(found: list[Entry], reference: str) -> Table:
    """A row for each model: AUROC and its differences, verdicts, kinds, pixels and boxes."""
    kinds = kind_columns(found)
    pixels = [name for name in _PIXELS if any(entry[name] for entry in found)]
    best = found[0]["model"]
    against = {"against_reference": f"minus {reference}"}
    if best != reference:
        against["against_best"] = f"minus {best}"
    compared = [text for words in against.values() for text in (words, "p")]
    header = ("model", "seeds", "AUROC", *compared, "AUPR", "F1", "sensitivity", "false alarms",
              "oracle sensitivity",
              *kinds, *(name.replace("_", " ") for name in pixels))  # fmt: skip
    most = max(entry["seeds"] for entry in found)
    rows = []
    for e in found:
        cells = [text for key in against for text in _difference(e[key], e["seeds"])]
        rows.append((
            e["model"], _seeds(e, most), spread(e["auroc"], interval=True), *cells,
            *(spread(e[name]) for name in ("aupr", "f1", "sensitivity", "false_alarms",
                                             "oracle_sensitivity")),
            *(number((e["by_kind"].get(kind) or {}).get("mean")) for kind in kinds),
            *(spread(e[name]) for name in pixels),
        ))  # fmt: skip
    return Table(header, tuple(rows))


def cost_table(found: list[Entry]) -> Table:
    """A row for each model: time, speed, memory, size."""
    names = {"train_seconds": 0, "train_images_per_second": 0, "score_images_per_second": 0,
             "peak_memory_mb": 0, "peak_gpu_mb": 0, "model_mb": 1}  # fmt: skip
    if not any(entry["cost"]["peak_gpu_mb"] for entry in found):
        del names["peak_gpu_mb"]
    words = {"train_seconds": "training s", "train_images_per_second": "training images/s",
             "score_images_per_second": "scoring images/s", "peak_memory_mb": "peak memory MB",
             "peak_gpu_mb": "peak GPU memory MB", "model_mb": "model folder MB"}  # fmt: skip
    header = ("model", *(words[name] for name in names), "parameters M", "device")
    rows = []
    for e in found:
        parameters = e["cost"]["parameters"]
        rows.append((
            e["model"],
            *(_cost(e, name, digits) for name, digits in names.items()),
            "n/a" if parameters is None else f"{parameters / 1e6:.2f}",
            e["machine"],
        ))  # fmt: skip
    return Table(header, tuple(rows))


def parts_table(found: list[Entry]) -> Table:
    """A row for each model: the AUROC of every score that it offers."""
    rows = []
    for e in found:
        parts = [f"{name} {spread(value)}" for name, value in e["by_score"].items()]
        rows.append((e["model"], "; ".join(parts)))
    return Table(("model", "AUROC of each score"), tuple(rows))


def write_csv(file: Path, found: list[Entry]) -> None:
    """Every number of the entries that is a mean, a deviation or an interval."""
    rows = [_flat(entry) for entry in found]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_text(file) as out:
        writer = csv.DictWriter(out, names, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def _seeds(entry: Entry, most: int) -> str:
    text = f"{entry['seeds']}" if entry["seeds"] == most else f"{entry['seeds']} of {most}"
    return text + (f" ({len(entry['failed'])} failed)" if entry["failed"] else "")


def _difference(value: dict[str, Any] | None, seeds: int) -> tuple[str, str]:
    if value is None:
        return "", ""
    low, high = value["ci"]
    text = f"{value['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
    if value["seeds"] != seeds:
        text += f" ({value['seeds']} of {seeds} seeds)"
    return text, _p(value["p_adjusted"])


def _p(value: float | None) -> str:
    if value is None:
        return "n/a"
    return "<0.001" if value < 0.001 else f"{value:.2g}"


def _cost(entry: Entry, name: str, digits: int) -> str:
    known = entry["cost_seeds"][name]
    some = f" ({known} of {entry['seeds']})" if 0 < known < entry["seeds"] else ""
    return number(entry["cost"][name], digits) + some


def _flat(entry: Entry) -> dict[str, Any]:
    value = entry["auroc"] or {}
    low, high = value.get("ci", (None, None))
    row = {
        "dataset": entry["dataset"], "model": entry["model"], "seeds": entry["seeds"],
        "failed": "; ".join(entry["failed"]), "auroc": value.get("mean"),
        "auroc_std": value.get("std"), "auroc_low": low, "auroc_high": high,
    }  # fmt: skip
    for key in ("against_reference", "against_best"):
        against = entry[key] or {}
        low, high = against.get("ci", (None, None))
        row |= {key: against.get("difference"), f"{key}_low": low, f"{key}_high": high,
                f"{key}_p_adjusted": against.get("p_adjusted")}  # fmt: skip
    for name in QUALITY:
        value = entry[name] or {}
        row[name], row[f"{name}_std"] = value.get("mean"), value.get("std")
        if "ci" in value:
            row[f"{name}_low"], row[f"{name}_high"] = value["ci"]
    for kind, value in entry["by_kind"].items():
        low, high = (value or {}).get("ci", (None, None))
        row |= {f"auroc_{kind}": (value or {}).get("mean"), f"auroc_{kind}_low": low,
                f"auroc_{kind}_high": high}  # fmt: skip
    row |= {f"auroc_of_{name}": (v or {}).get("mean") for name, v in entry["by_score"].items()}
    row |= {name: entry["cost"][name] for name in COST}
    row |= {"machine": entry["machine"], "command": entry["command"],
            "commits": " ".join(entry["commits"])}  # fmt: skip
    return {key: round(v, 6) if isinstance(v, float) else v for key, v in row.items()}
