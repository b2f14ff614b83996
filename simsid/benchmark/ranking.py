"""From journal lines to a ranking: quality and cost of each model on each data set, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from simsid.benchmark.cases import Case
from simsid.benchmark.job import SCORE
from simsid.benchmark.summary import Lines, spread_of_seeds, summarise
from simsid.evaluation.bootstrap import auroc_resamples, interval_of
from simsid.evaluation.metrics import auroc

RESAMPLES = 5000  # the smallest p-value is 0.0004 times the number of rows
QUALITY = ("aupr", "f1", "sensitivity", "false_alarms", "oracle_f1", "pixel_auroc", "aupro",
           "dice", "iou", "box_iou")  # fmt: skip
COST = ("train_seconds", "command_seconds", "train_images_per_second", "score_images_per_second",
        "peak_memory_mb", "model_mb", "parameters")  # fmt: skip


def rank(lines: Lines, dataset: str, labels: Sequence[int], reference: str) -> list[dict[str, Any]]:
    """An entry for each model on one data set, the highest mean AUROC first, failed ones last.

    Args:
        lines: of the journal, of all data sets.
        labels: of the measured images, 0 normal, 1 abnormal.
        reference: the model that others are compared with, chosen before anything is measured:
            the best of these very rows would make the others look different by chance.

    Returns:
        ``dataset``, ``model``, ``seeds`` (that count), ``failed``, ``auroc`` (mean, std, by_seed,
        ci, and against the reference difference, difference_ci, difference_p and its Holm
        adjustment difference_p_adjusted), each of ``QUALITY`` (mean, std, by_seed, or
        None), ``by_kind`` and ``by_score`` (the same for each kind and each named score), ``cost``
        (means over seeds), ``command``, ``commits``.
    """
    own = {key: line for key, line in lines.items() if key[0].partition("/")[0] == dataset}
    cases = [Case(name) for name in dict.fromkeys(name for name, _ in own)]
    truth = np.array(labels)
    entries = [_entry(item, own) for item in summarise(cases, own, truth)]
    for entry in entries:
        if entry["auroc"] and entry["model"] != reference:
            entry["auroc"] |= _against(own, dataset, entry["model"], reference, truth)
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


def _against(
    lines: Lines, dataset: str, model: str, reference: str, labels: np.ndarray
) -> dict[str, Any]:
    """Model minus reference, paired by seed and image; both are drawn anew, so it covers both."""
    pairs = [
        (line["scores"][SCORE], lines[f"{dataset}/{reference}", seed]["scores"][SCORE])
        for (name, seed), line in sorted(lines.items())
        if name == f"{dataset}/{model}" and line["ok"]
        and lines.get((f"{dataset}/{reference}", seed), {}).get("ok")
    ]  # fmt: skip
    if not pairs:
        return {}
    areas = [[auroc(labels, np.array(scores)) for scores in pair] for pair in pairs]
    by_seed = np.stack(
        [np.subtract(*(auroc_resamples(labels, np.array(s), RESAMPLES) for s in p)) for p in pairs]
    )
    drawn_seeds = np.random.default_rng(0).integers(len(pairs), size=by_seed.shape)
    drawn = np.take_along_axis(by_seed, drawn_seeds, axis=0).mean(0)
    return {
        "difference": float(np.mean([own - other for own, other in areas])),
        "difference_ci": list(interval_of(drawn)),
        "difference_p": bootstrap_p(drawn),
    }


def bootstrap_p(differences: Float[np.ndarray, " resamples"]) -> float:
    """Two-sided p-value that a difference is zero: twice the rarer side, with one added to both."""
    low = (1 + (differences <= 0).sum()) / (1 + len(differences))
    high = (1 + (differences >= 0).sum()) / (1 + len(differences))
    return float(min(1.0, 2 * min(low, high)))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number. Source: Holm, Scand. J. Statist. 1979."""
    order = np.argsort(p_values, kind="stable")
    adjusted, top = np.empty(len(order)), 0.0
    for rank_of, index in enumerate(order):
        top = max(top, min(1.0, (len(order) - rank_of) * p_values[index]))
        adjusted[index] = top
    return adjusted.tolist()


def _entry(item: dict[str, Any], lines: Lines) -> dict[str, Any]:
    good = [
        line for (name, _), line in sorted(lines.items()) if name == item["case"] and line["ok"]
    ]
    dataset, _, model = item["case"].partition("/")
    kinds = dict.fromkeys(kind for line in good for kind in line["by_kind"])
    names = dict.fromkeys(name for line in good for name in line["by_score"])
    return {
        "dataset": dataset,
        "model": model,
        "seeds": item["seeds"],
        "failed": item["failed"],
        "auroc": item["scores"].get(SCORE),
        **{name: _spread([_quality(line, name) for line in good]) for name in QUALITY},
        "by_kind": {kind: _spread([line["by_kind"].get(kind) for line in good]) for kind in kinds},
        "by_score": {
            name: _spread([line["by_score"].get(name) for line in good]) for name in names
        },
        "cost": {name: _mean([line["cost"].get(name) for line in good]) for name in COST},
        "machine": ", ".join(dict.fromkeys(map(_machine, good))),
        "command": good[0]["command"] if good else None,
        "commits": item["commits"],
    }


def _machine(line: dict[str, Any]) -> str:
    cost = line["cost"]
    return f"{cost['device']}, {cost['cores']} cores"


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
