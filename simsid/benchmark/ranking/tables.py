"""The tables of the ranking: quality, cost, and every score by itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from simsid.benchmark.ranking.records import COST, QUALITY, Comparison, Entry
from simsid.benchmark.record_files import write_csv as write_rows
from simsid.benchmark.records import Interval, Spread
from simsid.evaluation.blocks import Table, number
from simsid.terminal import literal

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
    counts = Counter(kind for entry in found for kind in entry.by_kind)
    kept = {kind for kind, _ in counts.most_common(_MOST_KINDS)}
    return [kind for kind in counts if kind in kept] if len(counts) > 1 else []


def overview_table(entries: dict[str, list[Entry]]) -> Table:
    """A row for each model, over all data sets: highest mean first, then those that lack a row.

    A mean over data sets orders the rows and is not shown: it is no measure of anything.
    """
    by_model: dict[str, dict[str, Entry]] = {}
    for name, found in entries.items():
        for entry in found:
            by_model.setdefault(entry.model, {})[name] = entry
    most = {name: max(entry.seeds for entry in found) for name, found in entries.items()}

    def place(own: dict[str, Entry]) -> tuple[bool, float]:
        known = [own[name] for name in entries if name in own]
        whole = len(known) == len(entries)
        if whole and all(entry.seeds == most[entry.dataset] for entry in known):
            return False, -sum(entry.area for entry in known)
        return True, -max(entry.area if entry.auroc else 0.0 for entry in own.values())

    def costs(own: dict[str, Entry], name: str) -> str:
        values = [own[data].cost.of(name) if data in own else None for data in entries]
        return " / ".join(number(value, 0) for value in values)

    rows = [
        (f"`{model}`", *(told(own[name].auroc) if name in own else "n/a" for name in entries),
         costs(own, "train_seconds"), costs(own, "score_images_per_second"))
        for model, own in sorted(by_model.items(), key=lambda item: place(item[1]))
    ]  # fmt: skip
    return Table(("model", *entries, "training, s", "scoring, images/s"), tuple(rows))


def quality_table(found: list[Entry], reference: str) -> Table:
    """A row for each model: AUROC and its differences, verdicts, kinds, pixels and boxes."""
    kinds = kind_columns(found)
    pixels = [name for name in _PIXELS if any(entry.quality(name) for entry in found)]
    best = found[0].model
    against = {"against_reference": f"minus {reference}"}
    if best != reference:
        against["against_best"] = f"minus {best}"
    compared = [text for words in against.values() for text in (words, "p")]
    header = ("model", "seeds", "AUROC", *compared, "AUPR", "F1", "sensitivity", "false alarms",
              "oracle sensitivity",
              *map(literal, kinds), *(name.replace("_", " ") for name in pixels))  # fmt: skip
    most = max(entry.seeds for entry in found)
    rows = []
    for e in found:
        cells = [text for key in against for text in _difference(getattr(e, key), e.seeds)]
        rows.append((
            e.model, _seeds(e, most), told(e.auroc, interval=True), *cells,
            *(told(e.quality(name)) for name in ("aupr", "f1", "sensitivity", "false_alarms",
                                             "oracle_sensitivity")),
            *(number(_mean(e.by_kind.get(kind))) for kind in kinds),
            *(told(e.quality(name)) for name in pixels),
        ))  # fmt: skip
    return Table(header, tuple(rows))


def cost_table(found: list[Entry]) -> Table:
    """A row for each model: time, speed, memory, size."""
    names = {"train_seconds": 0, "train_images_per_second": 0, "score_images_per_second": 0,
             "peak_memory_mb": 0, "peak_gpu_mb": 0, "model_mb": 1}  # fmt: skip
    if not any(entry.cost.peak_gpu_mb for entry in found):
        del names["peak_gpu_mb"]
    words = {"train_seconds": "training s", "train_images_per_second": "training images/s",
             "score_images_per_second": "scoring images/s", "peak_memory_mb": "peak memory MB",
             "peak_gpu_mb": "peak GPU memory MB", "model_mb": "model folder MB"}  # fmt: skip
    header = ("model", *(words[name] for name in names), "parameters M", "device")
    rows = []
    for e in found:
        parameters = e.cost.parameters
        rows.append((
            e.model,
            *(_cost(e, name, digits) for name, digits in names.items()),
            "n/a" if parameters is None else f"{parameters / 1e6:.2f}",
            e.machine,
        ))  # fmt: skip
    return Table(header, tuple(rows))


def parts_table(found: list[Entry]) -> Table:
    """A row for each model: the AUROC of every score that it offers."""
    rows = []
    for e in found:
        parts = [f"{name} {told(value)}" for name, value in e.by_score.items()]
        rows.append((e.model, "; ".join(parts)))
    return Table(("model", "AUROC of each score"), tuple(rows))


def write_csv(file: Path, found: list[Entry]) -> None:
    """Every number of the entries that is a mean, a deviation or an interval."""
    rows = [_flat(entry) for entry in found]
    write_rows(file, rows)


def told(value: Spread | None, interval: bool = False) -> str:
    """A measure over seeds, or that it is not known."""
    return "n/a" if value is None else value.told(interval)


def _seeds(entry: Entry, most: int) -> str:
    text = f"{entry.seeds}" if entry.seeds == most else f"{entry.seeds} of {most}"
    return text + (f" ({len(entry.failed)} failed)" if entry.failed else "")


def _difference(value: Comparison | None, seeds: int) -> tuple[str, str]:
    if value is None:
        return "", ""
    low, high = value.ci
    text = f"{value.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
    if value.seeds != seeds:
        text += f" ({value.seeds} of {seeds} seeds)"
    return text, _p(value.p_adjusted)


def _p(value: float | None) -> str:
    if value is None:
        return "n/a"
    return "<0.001" if value < 0.001 else f"{value:.2g}"


def _cost(entry: Entry, name: str, digits: int) -> str:
    known = entry.cost_seeds.of(name)
    some = f" ({known} of {entry.seeds})" if 0 < known < entry.seeds else ""
    return number(entry.cost.of(name), digits) + some


def _flat(entry: Entry) -> dict[str, object]:
    row: dict[str, object] = {
        "dataset": entry.dataset, "model": entry.model, "seeds": entry.seeds,
        "failed": "; ".join(entry.failed), "auroc": _mean(entry.auroc),
        "auroc_std": None if entry.auroc is None else entry.auroc.std,
        **_ends("auroc", None if entry.auroc is None else entry.auroc.ci),
    }  # fmt: skip
    comparisons = {
        "against_reference": entry.against_reference,
        "against_best": entry.against_best,
    }
    for key, against in comparisons.items():
        row[key] = None if against is None else against.difference
        row |= _ends(key, None if against is None else against.ci)
        row[f"{key}_p_adjusted"] = None if against is None else against.p_adjusted
    for name in QUALITY:
        value = entry.quality(name)
        row[name], row[f"{name}_std"] = _mean(value), None if value is None else value.std
        if value is not None and value.ci is not None:
            row |= _ends(name, value.ci)
    for kind, value in entry.by_kind.items():
        row[f"auroc_{kind}"] = _mean(value)
        row |= _ends(f"auroc_{kind}", None if value is None else value.ci)
    row |= {f"auroc_of_{name}": _mean(value) for name, value in entry.by_score.items()}
    row |= {name: entry.cost.of(name) for name in COST}
    row |= {"machine": entry.machine, "command": entry.command, "commits": " ".join(entry.commits)}
    return row


def _mean(value: Spread | None) -> float | None:
    return None if value is None else value.mean


def _ends(name: str, interval: Interval | None) -> dict[str, object]:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
