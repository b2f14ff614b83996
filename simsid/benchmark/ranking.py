"""From journal lines to a ranking: quality and cost of each model on each data set, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simsid.benchmark.cases import Case
from simsid.benchmark.job import SCORE
from simsid.benchmark.summary import Lines, holm, spread_of_seeds, summarise

QUALITY = ("aupr", "f1", "sensitivity", "false_alarms", "oracle_f1", "pixel_auroc", "aupro",
           "dice", "iou", "box_iou")  # fmt: skip
COST = ("train_seconds", "command_seconds", "train_images_per_second", "score_images_per_second",
        "peak_mb", "model_mb", "parameters")  # fmt: skip


def rank(lines: Lines, dataset: str, labels: Sequence[int]) -> list[dict[str, Any]]:
    """An entry for each model on one data set, the highest mean AUROC first, failed ones last.

    Args:
        lines: of the journal, of all data sets.
        labels: of the measured images, 0 normal, 1 abnormal.

    Returns:
        ``dataset``, ``model``, ``seeds`` (that count), ``failed``, ``auroc`` (mean, std, by_seed,
        ci, and difference, difference_ci, difference_p and its Holm adjustment
        difference_p_adjusted against the best), each of ``QUALITY`` (mean, std, by_seed, or
        None), ``by_kind`` (the same for each kind), ``cost`` (means over seeds), ``command``,
        ``commits``.
    """
    own = {key: line for key, line in lines.items() if key[0].partition("/")[0] == dataset}
    cases = [Case(name) for name in dict.fromkeys(name for name, _ in own)]
    truth = np.array(labels)
    best = _best(own)
    entries = [_entry(item, own) for item in summarise(cases, own, truth, best)]
    compared = [e for e in entries if e["auroc"] and "difference_p" in e["auroc"]]
    adjusted = holm([entry["auroc"]["difference_p"] for entry in compared])
    for entry, p_value in zip(compared, adjusted, strict=True):
        entry["auroc"]["difference_p_adjusted"] = p_value
    return sorted(entries, key=lambda e: -e["auroc"]["mean"] if e["auroc"] else np.inf)


def mean_scores(lines: Lines, dataset: str, model: str) -> np.ndarray:
    """(seeds, images) of a model's scores."""
    found = [
        line["scores"][SCORE]
        for (name, _), line in sorted(lines.items())
        if name == f"{dataset}/{model}" and line["ok"]
    ]
    return np.array(found)


def _best(lines: Lines) -> str | None:
    """The case of the highest mean AUROC."""
    values: dict[str, list[float]] = {}
    for (name, _), line in lines.items():
        if line["ok"] and line["auroc"][SCORE] is not None:
            values.setdefault(name, []).append(line["auroc"][SCORE])
    return max(values, key=lambda name: np.mean(values[name]), default=None)


def _entry(item: dict[str, Any], lines: Lines) -> dict[str, Any]:
    good = [
        line for (name, _), line in sorted(lines.items()) if name == item["case"] and line["ok"]
    ]
    dataset, _, model = item["case"].partition("/")
    kinds = dict.fromkeys(kind for line in good for kind in line["by_kind"])
    return {
        "dataset": dataset,
        "model": model,
        "seeds": item["seeds"],
        "failed": item["failed"],
        "auroc": item["scores"].get(SCORE),
        **{name: _spread([_quality(line, name) for line in good]) for name in QUALITY},
        "by_kind": {kind: _spread([line["by_kind"].get(kind) for line in good]) for kind in kinds},
        "cost": {name: _mean([line["cost"][name] for line in good]) for name in COST},
        "device": good[0]["cost"]["device"] if good else None,
        "cores": good[0]["cost"]["cores"] if good else None,
        "command": good[0]["command"] if good else None,
        "commits": item["commits"],
    }


def _quality(line: dict[str, Any], name: str) -> float | None:
    pixel, boxes = line["pixel"] or {}, line["boxes"] or {}
    places: dict[str, Any] = {
        "aupr": line["aupr"],
        "false_alarms": line["normals_flagged"]["share"],
        "oracle_f1": line["oracle"]["oracle_f1"],
        "pixel_auroc": pixel.get("auroc"),
        "box_iou": _value(boxes.get("iou")),
    }
    if name in places:
        return places[name]
    return line["decision"].get(name) if name in line["decision"] else pixel.get(name)


def _value(measured: Any) -> float | None:
    """Of a plain number, or of one that comes with its interval."""
    return measured.get("value") if isinstance(measured, dict) else measured


def _spread(values: list[float | None]) -> dict[str, Any] | None:
    return spread_of_seeds(values) if values and None not in values else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
