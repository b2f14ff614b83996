"""From journal lines to a table: mean and spread over seeds, intervals over images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simsid.benchmark.cases import Case
from simsid.benchmark.difference import paired_difference
from simsid.benchmark.records import (
    CaseSummary,
    ComparedSpread,
    Difference,
    Interval,
    Spread,
    Verdicts,
)
from simsid.evaluation.bootstrap import auroc_resamples, interval_of

Lines = dict[tuple[str, int], dict[str, Any]]


def summarise(
    cases: Sequence[Case],
    lines: Lines,
    labels: Int[np.ndarray, " n"],
    reference: str | None = None,
) -> list[CaseSummary]:
    """One entry for each case, in order; failed seeds are told and left out of the means.

    Args:
        labels: 0 normal, 1 abnormal, of the images that the lines have scores of.
        reference: a case's name: differences to it are paired by seed and image, see
            :func:`paired_difference`.
    """
    resampled: dict[tuple[str, int, str], np.ndarray] = {}

    def resamples(name: str, seed: int, score: str) -> Float[np.ndarray, " resamples"]:
        key = (name, seed, score)
        if key not in resampled:
            scores = np.array(lines[name, seed]["scores"][score])
            resampled[key] = auroc_resamples(labels, scores)
        return resampled[key]

    def entry(case: Case) -> CaseSummary:
        own = {seed: line for (name, seed), line in sorted(lines.items()) if name == case.name}
        good = {seed: line for seed, line in own.items() if line["ok"]}
        paired: list[int] = []
        if reference is not None and case.name != reference:
            paired = [s for s in good if lines.get((reference, s), {}).get("ok")]

        def compared(score: str) -> Difference | None:
            if reference is None or not paired:
                return None
            before = [lines[reference, s]["auroc"][score] for s in paired]
            by_seed = [good[s]["auroc"][score] - b for s, b in zip(paired, before, strict=True)]
            drawn = [
                resamples(case.name, s, score) - resamples(reference, s, score) for s in paired
            ]
            return paired_difference(by_seed, np.array(drawn))

        scores: dict[str, ComparedSpread] = {}
        for score in next(iter(good.values()))["auroc"] if good else ():
            values = [line["auroc"][score] for line in good.values()]
            if None in values:
                continue
            drawn = np.mean([resamples(case.name, seed, score) for seed in good], axis=0)
            scores[score] = _with_difference(
                spread_of_seeds(values), interval_of(drawn), compared(score)
            )
        return CaseSummary(
            case=case.name,
            place=case.place,
            acts_on=tuple(case.acts_on),
            seeds=len(good),
            failed=tuple(f"seed {s}: {line['error']}" for s, line in own.items() if not line["ok"]),
            scores=scores,
            default=_verdicts(list(good.values())),
            commits=tuple(sorted({line.get("commit") or "none" for line in good.values()})),
        )

    return [entry(case) for case in cases]


def _with_difference(own: Spread, interval: Interval, found: Difference | None) -> ComparedSpread:
    alone = ComparedSpread(mean=own.mean, std=own.std, by_seed=own.by_seed, ci=interval)
    if found is None:
        return alone
    return replace(
        alone,
        difference=found.difference,
        difference_ci=found.ci,
        difference_seeds=found.seeds,
    )


def _verdicts(lines: Sequence[dict[str, Any]]) -> Verdicts:
    """Mean and std over seeds: what the talk's table has, and what the threshold gives."""

    def over(value: Callable[[dict[str, Any]], float | None]) -> Spread | None:
        return spread_if_known([value(line) for line in lines])

    return Verdicts(
        oracle_accuracy=over(lambda line: line["oracle"]["oracle_accuracy"]),
        oracle_f1=over(lambda line: line["oracle"]["oracle_f1"]),
        sensitivity=over(lambda line: (line["decision"] or {}).get("sensitivity")),
        false_alarms=over(lambda line: (line["normals_flagged"] or {}).get("share")),
    )


def spread_if_known(values: Sequence[float | None]) -> Spread | None:
    """The spread where every seed knows the value."""
    known = [value for value in values if value is not None]
    return spread_of_seeds(known) if known and len(known) == len(values) else None


def spread_of_seeds(values: Sequence[float]) -> Spread:
    """Mean, std over seeds (None for one seed), and the values."""
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(mean=float(np.mean(values)), std=std, by_seed=tuple(values))
