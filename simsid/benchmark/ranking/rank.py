"""From journal lines to a ranking: quality and cost of each model on each data set, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simsid.benchmark.cases import Case
from simsid.benchmark.difference import paired_difference
from simsid.benchmark.ranking.image_intervals import flags, image_intervals, sensitivity_at
from simsid.benchmark.ranking.job import SCORE
from simsid.benchmark.ranking.records import COST, QUALITY, Comparison, Costs, CostSeeds, Entry
from simsid.benchmark.records import CaseSummary, Interval, Spread
from simsid.benchmark.summary import Lines, spread_if_known, spread_of_seeds, summarise
from simsid.detectors.calibration import DEFAULT_FALSE_ALARM_RATE
from simsid.evaluation.bootstrap import auroc_resamples

_BOXES = {
    "box_dice": "dice",
    "box_iou": "iou",
    "box_chance_iou": "chance_iou",
    "pointing": "pointing",
}


def rank(
    lines: Lines,
    dataset: str,
    labels: Sequence[int],
    reference: str,
    kinds: Sequence[str] = (),
    false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE,
) -> list[Entry]:
    """An entry for each model on one data set: the highest mean AUROC first, then those that lack
    seeds, failed ones last.

    Args:
        lines: of the journal, of all data sets.
        labels: of the measured images, 0 normal, 1 abnormal.
        reference: the model that others are compared with, chosen before anything is measured:
            the best of these very rows makes the others look different by chance.
        kinds: of the measured images; none where they are not known.
        false_alarm_rate: of ``oracle_sensitivity``.

    Returns:
        The entries; p-values of comparisons are adjusted for the number of rows by Holm's method.
    """
    own = {key: line for key, line in lines.items() if key[0].partition("/")[0] == dataset}
    cases = [Case(name) for name in dict.fromkeys(name for name, _ in own)]
    truth = np.array(labels)
    entries = [_entry(item, own) for item in summarise(cases, own, truth)]
    entries = [
        _with_image_numbers(entry, own, truth, kinds, false_alarm_rate) if entry.auroc else entry
        for entry in entries
    ]
    most = max((entry.seeds for entry in entries), default=0)
    entries.sort(key=lambda e: (e.seeds < most, -e.area) if e.auroc else (True, np.inf))
    best = entries[0].model if entries else reference
    to_reference = _comparisons(entries, own, reference, truth)
    to_best = _comparisons(entries, own, best, truth)
    return [
        replace(entry, against_reference=one, against_best=two)
        for entry, one, two in zip(entries, to_reference, to_best, strict=True)
    ]


def _comparisons(
    entries: Sequence[Entry], lines: Lines, other: str, labels: np.ndarray
) -> list[Comparison | None]:
    """Of each entry with ``other``, p-values adjusted for their number."""
    found = [
        compare(lines, entry.dataset, entry.model, other, labels)
        if entry.auroc and entry.model != other
        else None
        for entry in entries
    ]
    tested = [each.p for each in found if each is not None and each.p is not None]
    adjusted = iter(holm(tested))
    return [
        each if each is None or each.p is None else replace(each, p_adjusted=next(adjusted))
        for each in found
    ]


def mean_scores(lines: Lines, dataset: str, model: str) -> np.ndarray:
    """(seeds, images) of a model's scores."""
    found = [
        line["scores"][SCORE]
        for (name, _), line in sorted(lines.items())
        if name == f"{dataset}/{model}" and line["ok"]
    ]
    return np.array(found)


def compare(
    lines: Lines, dataset: str, model: str, other: str, labels: np.ndarray
) -> Comparison | None:
    """Model minus other, paired by seed and image; None where no seed has both."""
    pairs = [
        (line, lines[f"{dataset}/{other}", seed])
        for (name, seed), line in sorted(lines.items())
        if name == f"{dataset}/{model}" and line["ok"]
        and lines.get((f"{dataset}/{other}", seed), {}).get("ok")
    ]  # fmt: skip
    if not pairs:
        return None
    by_seed = [one["auroc"][SCORE] - two["auroc"][SCORE] for one, two in pairs]
    drawn = [
        np.subtract(*(auroc_resamples(labels, np.array(x["scores"][SCORE])) for x in pair))
        for pair in pairs
    ]
    found = paired_difference(by_seed, np.array(drawn))
    return Comparison(
        difference=found.difference, ci=found.ci, p=found.p, seeds=found.seeds, p_adjusted=None
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number. Source: Holm, Scand. J. Statist. 1979."""
    order = np.argsort(p_values, kind="stable")
    adjusted, top = np.empty(len(order)), 0.0
    for rank_of, index in enumerate(order):
        top = max(top, min(1.0, (len(order) - rank_of) * p_values[index]))
        adjusted[index] = top
    return adjusted.tolist()


def _entry(item: CaseSummary, lines: Lines) -> Entry:
    good = [line for (name, _), line in sorted(lines.items()) if name == item.case and line["ok"]]
    dataset, _, model = item.case.partition("/")
    kinds = dict.fromkeys(kind for line in good for kind in line["by_kind"])
    names = dict.fromkeys(name for line in good for name in line["by_score"])
    area = item.scores.get(SCORE)
    return Entry(
        dataset=dataset,
        model=model,
        seeds=item.seeds,
        failed=item.failed,
        auroc=None if area is None else area.alone(),
        **{name: spread_if_known([_quality(line, name) for line in good]) for name in QUALITY},
        by_kind={
            kind: spread_if_known([line["by_kind"].get(kind) for line in good]) for kind in kinds
        },
        by_score={
            name: spread_if_known([line["by_score"].get(name) for line in good]) for name in names
        },
        cost=Costs(**{name: _mean(_known(good, name)) for name in COST}),
        cost_seeds=CostSeeds(**{name: len(_known(good, name)) for name in COST}),
        machine=", ".join(dict.fromkeys(map(_machine, good))),
        command=good[0]["command"] if good else None,
        commits=item.commits,
        against_reference=None,
        against_best=None,
    )


def _with_image_numbers(
    entry: Entry, lines: Lines, labels: np.ndarray, kinds: Sequence[str], false_alarm_rate: float
) -> Entry:
    """The entry with what the scores of the images say beyond what each seed's line holds."""
    scores = mean_scores(lines, entry.dataset, entry.model)
    flagged = None
    if entry.sensitivity is not None and entry.false_alarms is not None:
        shares = zip(scores, entry.sensitivity.by_seed, entry.false_alarms.by_seed, strict=True)
        flagged = np.array([flags(row, labels, hits, alarms) for row, hits, alarms in shares])
    oracle = spread_of_seeds([sensitivity_at(row, labels, false_alarm_rate) for row in scores])
    found = image_intervals(scores, labels, flagged, kinds)
    return replace(
        entry,
        oracle_sensitivity=oracle,
        aupr=_with_interval(entry.aupr, found.aupr),
        sensitivity=_with_interval(entry.sensitivity, found.sensitivity),
        false_alarms=_with_interval(entry.false_alarms, found.false_alarms),
        f1=_with_interval(entry.f1, found.f1),
        by_kind={
            kind: _with_interval(value, found.by_kind.get(kind))
            for kind, value in entry.by_kind.items()
        },
    )


def _with_interval(value: Spread | None, interval: Interval | None) -> Spread | None:
    return value if value is None or interval is None else replace(value, ci=interval)


def _machine(line: dict[str, Any]) -> str:
    cost = line["cost"]
    return f"{cost['device']}, {cost['cores']} core" + "s" * (cost["cores"] != 1)


def _quality(line: dict[str, Any], name: str) -> float | None:
    pixel, boxes = line["pixel"] or {}, line["boxes"] or {}
    no_verdicts = line["decision"]["sensitivity"] is None  # too few calibration normals
    places: dict[str, Any] = {
        "aupr": line["aupr"],
        "false_alarms": None if no_verdicts else line["normals_flagged"]["share"],
        "oracle_f1": line["oracle"]["oracle_f1"],
        "pixel_auroc": pixel.get("auroc"),
    } | {key: _value(boxes.get(name)) for key, name in _BOXES.items()}
    if name in places:
        return places[name]
    return line["decision"].get(name) if name in line["decision"] else pixel.get(name)


def _value(measured: Any) -> float | None:
    """Of a plain number, or of one that comes with its interval."""
    return measured.get("value") if isinstance(measured, dict) else measured


def _known(lines: list[dict[str, Any]], name: str) -> list[float]:
    """What a resumed training cannot tell is left out."""
    values = (line["cost"].get(name) for line in lines)
    return [value for value in values if value is not None]


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
