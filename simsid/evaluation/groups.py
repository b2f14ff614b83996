"""Does the stated false-alarm rate hold for everybody: by view, age and sex."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import betabinom

from simsid.data.ages import AGE_GROUPS, UNKNOWN, age_group
from simsid.evaluation.metrics import ranking_metrics, share_interval

MIN_IN_GROUP = 10
GROUPED_BY = ("view", "age", "sex")


def calibration_by_group(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    flagged: Bool[np.ndarray, " n"] | None,
    attributes: dict[str, np.ndarray],
    num_calibration: int,
    rate: float,
    decided: Bool[np.ndarray, " n"] | None = None,
) -> dict[str, object]:
    """Share of normals called unusual, and AUROC: of all films, and of each group.

    Args:
        flagged: the verdict (p-value at most ``rate``); None when there are no verdicts.
        attributes: (n,) text each, '' where unknown; of these, ``GROUPED_BY`` are used.
        num_calibration: normals that the threshold comes from.
        rate: the stated false-alarm rate.
        decided: whether each film gets a verdict: the others are not among those flagged; None:
            all do.

    Returns:
        ``rate``, ``all`` and ``by``: attribute to group to ``normal`` and ``abnormal`` (counts),
        ``flagged`` {"share", "ci", "n"} with its Clopper-Pearson interval, ``expected`` [low,
        high], of the normals that get a verdict, and ``auroc``, ``auroc_ci``, of all films. A share
        takes ``MIN_IN_GROUP`` normals with a verdict, AUROC as many normals and abnormals: else None.
    """

    def measure(chosen: np.ndarray) -> dict[str, object]:
        verdicts = None if flagged is None else flagged[chosen]
        given = np.ones(len(labels), bool) if decided is None else decided
        return _measure(
            labels[chosen], scores[chosen], verdicts, given[chosen], num_calibration, rate
        )

    by = {}
    for name in GROUPED_BY:
        groups = group_names(name, attributes.get(name))
        if groups:
            by[name] = {group: measure(chosen) for group, chosen in groups.items()}
    return {"rate": rate, "all": measure(np.ones(len(labels), bool)), "by": by}


def group_names(attribute: str, values: np.ndarray | None) -> dict[str, Bool[np.ndarray, " n"]]:
    """Members of each group, groups in order, the unknown last; empty when nothing is known."""
    if values is None:
        return {}
    names = [age_group(v) if attribute == "age" else str(v).strip() or UNKNOWN for v in values]
    order = list(AGE_GROUPS) if attribute == "age" else sorted(set(names) - {UNKNOWN})
    if not set(names) - {UNKNOWN}:
        return {}
    found = np.array(names)
    return {name: found == name for name in (*order, UNKNOWN) if (found == name).any()}


def expected_range(
    normals: int, num_calibration: int, rate: float, level: float = 0.95
) -> list[float] | None:
    """Shares flagged that chance explains when these normals are like the calibration normals.

    The threshold is itself an order statistic of few films, so the number flagged is
    beta-binomial: wider than binomial. Source: Vovk, ACML 2012 (validity given calibration data).
    None when there are too few calibration normals for the rate.
    """
    rank = int(np.floor(rate * (num_calibration + 1) + 1e-9))
    if rank < 1:
        return None
    flagged = betabinom(normals, rank, num_calibration + 1 - rank)
    tail = (1 - level) / 2
    return [float(flagged.ppf(q)) / normals for q in (tail, 1 - tail)]


def _measure(
    labels: np.ndarray,
    scores: np.ndarray,
    flagged: np.ndarray | None,
    decided: np.ndarray,
    num_calibration: int,
    rate: float,
) -> dict[str, object]:
    normals, abnormals = int((labels == 0).sum()), int((labels == 1).sum())
    measured: dict[str, object] = {"normal": normals, "abnormal": abnormals, "flagged": None,
                                   "expected": None, "auroc": None, "auroc_ci": None}  # fmt: skip
    told = (labels == 0) & decided
    if flagged is not None and told.sum() >= MIN_IN_GROUP:
        measured["flagged"] = share_interval(int(flagged[told].sum()), int(told.sum()))
        measured["expected"] = expected_range(int(told.sum()), num_calibration, rate)
    if min(normals, abnormals) >= MIN_IN_GROUP:
        ranking = ranking_metrics(labels, scores)
        measured["auroc"], measured["auroc_ci"] = ranking["auroc"], ranking["auroc_ci"]
    return measured
