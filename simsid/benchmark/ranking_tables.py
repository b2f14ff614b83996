"""The tables of the ranking: quality, cost, and every score by itself."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from simsid.benchmark.output import spread
from simsid.benchmark.ranking import COST, QUALITY
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
              *kinds, *(name.replace("_", " ") for name in pixels))  # fmt: skip
    most = max(entry["seeds"] for entry in found)
    rows = []
    for e in found:
        cells = [text for key in against for text in _difference(e[key], e["seeds"])]
        rows.append((
            e["model"], _seeds(e, most), spread(e["auroc"], interval=True), *cells,
            *(spread(e[name]) for name in ("aupr", "f1", "sensitivity", "false_alarms")),
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
    return text, "n/a" if value["p_adjusted"] is None else f"{value['p_adjusted']:.2g}"


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
        row[name], row[f"{name}_std"] = ((entry[name] or {}).get(key) for key in ("mean", "std"))
    row |= {f"auroc_{kind}": (v or {}).get("mean") for kind, v in entry["by_kind"].items()}
    row |= {f"auroc_of_{name}": (v or {}).get("mean") for name, v in entry["by_score"].items()}
    row |= {name: entry["cost"][name] for name in COST}
    row |= {"machine": entry["machine"], "command": entry["command"]}
    return {key: round(v, 6) if isinstance(v, float) else v for key, v in row.items()}
