"""Does the stated false-alarm rate hold for everybody: by view, age and sex."""

from __future__ import annotations

from collections.abc import Sequence

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
    stands_on: Sequence[tuple[int, int]],
    rate: float,
    decided: Bool[np.ndarray, " n"] | None = None,
    population: Int[np.ndarray, " n"] | None = None,
) -> dict[str, object]:
    """Share of normals called unusual, and AUROC: of all films, and of each group.

    Args:
        flagged: the verdict (p-value at most ``rate``); None when there are no verdicts.
        attributes: (n,) text each, '' where unknown; of these, ``GROUPED_BY`` are used.
        stands_on: of each population, which of its calibration normals from the largest down is the
            threshold, and how many it has; see ``Calibration.rank_of``.
        rate: the stated false-alarm rate.
        decided: whether each film gets a verdict: the others are not among those flagged; None:
            all do.
        population: of each film, a number in ``stands_on``; None: all are of the first.

    Returns:
        ``rate``, ``all`` and ``by``: attribute to group to ``normal`` and ``abnormal`` (counts),
        ``flagged`` {"share", "ci", "n"} with its Clopper-Pearson interval, ``expected`` [low,
        high], of the normals that get a verdict, and ``auroc``, ``auroc_ci``, of all films. A share
        takes ``MIN_IN_GROUP`` normals with a verdict, AUROC as many normals and abnormals: else None.
    """

    told = labels == 0 if decided is None else (labels == 0) & decided
    members = np.zeros(len(labels), int) if population is None else population

    def measure(chosen: np.ndarray) -> dict[str, object]:
        measured = _measure(labels[chosen], scores[chosen])
        normals = told & chosen
        if flagged is not None and normals.sum() >= MIN_IN_GROUP:
            counts = np.bincount(members[normals], minlength=len(stands_on))
            drawn = [(int(n), *own) for n, own in zip(counts, stands_on, strict=True)]
            measured["flagged"] = share_interval(int(flagged[normals].sum()), int(normals.sum()))
            measured["expected"] = expected_range(drawn)
        return measured

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
    drawn: Sequence[tuple[int, int, int]], level: float = 0.95
) -> list[float] | None:
    """Shares flagged that chance explains when these normals are like the calibration normals.

    A threshold is itself an order statistic of few films, so the number flagged is beta-binomial:
    wider than binomial. Numbers of several populations add up. Source: Vovk, ACML 2012 (validity
    given calibration data).

    Args:
        drawn: of each population, normals measured, which of the calibration normals from the
            largest down is its threshold, and how many those are.

    Returns:
        [low, high]; None when there are too few calibration normals for the rate.
    """
    present = [each for each in drawn if each[0]]
    if not present or any(rank < 1 for _, rank, _ in present):
        return None
    chances = np.ones(1)
    for normals, rank, calibration in present:
        numbers = betabinom(normals, rank, calibration + 1 - rank)
        chances = np.convolve(chances, numbers.pmf(np.arange(normals + 1)))
    below, tail = chances.cumsum(), (1 - level) / 2
    return [float((below < q - 1e-12).sum()) / (len(chances) - 1) for q in (tail, 1 - tail)]


def _measure(labels: np.ndarray, scores: np.ndarray) -> dict[str, object]:
    normals, abnormals = int((labels == 0).sum()), int((labels == 1).sum())
    measured: dict[str, object] = {"normal": normals, "abnormal": abnormals, "flagged": None,
                                   "expected": None, "auroc": None, "auroc_ci": None}  # fmt: skip
    if min(normals, abnormals) >= MIN_IN_GROUP:
        ranking = ranking_metrics(labels, scores)
        measured["auroc"], measured["auroc_ci"] = ranking["auroc"], ranking["auroc_ci"]
    return measured
