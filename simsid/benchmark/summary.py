"""From journal lines to a table: mean and spread over seeds, intervals over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simsid.benchmark.cases import Case
from simsid.benchmark.difference import paired_difference
from simsid.evaluation.bootstrap import auroc_resamples, interval_of

Lines = dict[tuple[str, int], dict[str, Any]]


def summarise(
    cases: Sequence[Case],
    lines: Lines,
    labels: Int[np.ndarray, " n"],
    reference: str | None = None,
) -> list[dict[str, Any]]:
    """One entry for each case, in order; failed seeds are told and left out of the means.

    Args:
        labels: 0 normal, 1 abnormal, of the images that the lines have scores of.
        reference: a case's name: differences to it are paired by seed and image.

    Returns:
        ``case``, ``place``, ``acts_on``, ``seeds`` (that count), ``failed`` (messages), and for
        each score in ``scores``: ``mean``, ``std`` over seeds (None for one seed), ``ci`` (95 %
        bootstrap interval over images of the mean over seeds), ``by_seed``, ``difference``,
        ``difference_ci`` and ``difference_seeds`` (see :func:`paired_difference`). In
        ``default``: mean and std of what the verdicts give.
    """
    resampled: dict[tuple[str, int, str], np.ndarray] = {}

    def resamples(name: str, seed: int, score: str) -> Float[np.ndarray, " resamples"]:
        key = (name, seed, score)
        if key not in resampled:
            scores = np.array(lines[name, seed]["scores"][score])
            resampled[key] = auroc_resamples(labels, scores)
        return resampled[key]

    def entry(case: Case) -> dict[str, Any]:
        own = {seed: line for (name, seed), line in sorted(lines.items()) if name == case.name}
        good = {seed: line for seed, line in own.items() if line["ok"]}
        paired: list[int] = []
        if reference is not None:
            paired = [s for s in good if lines.get((reference, s), {}).get("ok")]
        scores: dict[str, Any] = {}
        for score in next(iter(good.values()))["auroc"] if good else ():
            values = [line["auroc"][score] for line in good.values()]
            if None in values:
                continue
            drawn = np.mean([resamples(case.name, seed, score) for seed in good], axis=0)
            scores[score] = spread_of_seeds(values) | {"ci": list(interval_of(drawn))}
            if reference is not None and case.name != reference and paired:
                scores[score] |= _difference(case.name, reference, paired, score, lines, resamples)
        return {
            "case": case.name,
            "place": case.place,
            "acts_on": list(case.acts_on),
            "seeds": len(good),
            "failed": [f"seed {s}: {line['error']}" for s, line in own.items() if not line["ok"]],
            "scores": scores,
            "default": _verdicts(list(good.values())),
            "commits": sorted({line.get("commit") or "none" for line in good.values()}),
        }

    return [entry(case) for case in cases]


def _difference(
    name: str, reference: str, seeds: list[int], score: str, lines: Lines, resamples: Any
) -> dict[str, Any]:
    """Case minus reference, over the seeds that both have, on the same images."""
    values = [lines[name, s]["auroc"][score] - lines[reference, s]["auroc"][score] for s in seeds]
    drawn = [resamples(name, s, score) - resamples(reference, s, score) for s in seeds]
    found = paired_difference(values, np.array(drawn))
    return {
        "difference": found["difference"],
        "difference_ci": found["ci"],
        "difference_seeds": found["seeds"],
    }


def _verdicts(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and std over seeds: what the talk's table has, and what the threshold gives."""
    found = {
        "oracle_accuracy": [line["oracle"]["oracle_accuracy"] for line in lines],
        "oracle_f1": [line["oracle"]["oracle_f1"] for line in lines],
        "sensitivity": [(line["decision"] or {}).get("sensitivity") for line in lines],
        "false_alarms": [(line["normals_flagged"] or {}).get("share") for line in lines],
    }
    return {name: spread_if_known(values) for name, values in found.items()}


def spread_if_known(values: Sequence[float | None]) -> dict[str, Any] | None:
    """The spread where every seed knows the value."""
    known = [value for value in values if value is not None]
    return spread_of_seeds(known) if known and len(known) == len(values) else None


def spread_of_seeds(values: list[float]) -> dict[str, Any]:
    """Mean, std over seeds (None for one seed), and the values."""
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "std": std, "by_seed": list(values)}
