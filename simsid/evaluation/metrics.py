"""Metrics of image scores. Higher score = more abnormal; label 1 = abnormal.

A metric that the data cannot support, for want of a class or of calibration normals, is None.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import brentq
from scipy.stats import beta, norm
from sklearn.metrics import average_precision_score, roc_auc_score

from simsid.evaluation.bootstrap import auroc_interval

Number = float | None
_NEAR = 1e-9


def has_both_classes(labels: Int[np.ndarray, " n"]) -> bool:
    """Whether there is at least one normal and one abnormal."""
    return bool((labels == 0).any() and (labels == 1).any())


def auroc(labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> Number:
    """Area under the ROC curve: P(abnormal scores above normal), ties count half."""
    return float(roc_auc_score(labels, scores)) if has_both_classes(labels) else None


def aupr(labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> Number:
    """Average precision, abnormal being the positive class. Depends on the share of abnormals."""
    return float(average_precision_score(labels, scores)) if has_both_classes(labels) else None


def ranking_metrics(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"], seed: int = 0
) -> dict[str, object]:
    """``auroc``, its 95 % bootstrap interval ``auroc_ci`` [low, high], and ``aupr``."""
    interval = auroc_interval(labels, scores, seed=seed) if has_both_classes(labels) else None
    return {
        "auroc": auroc(labels, scores),
        "auroc_ci": None if interval is None else list(interval),
        "aupr": aupr(labels, scores),
    }


def decision_metrics(
    labels: Int[np.ndarray, " n"], flagged: Bool[np.ndarray, " n"]
) -> dict[str, Number]:
    """Accuracy, F1, sensitivity and specificity of the verdicts ``flagged`` (True = abnormal)."""
    abnormal = labels == 1
    hits = int((flagged & abnormal).sum())
    false_alarms = int((flagged & ~abnormal).sum())
    misses = int((~flagged & abnormal).sum())
    passes = int((~flagged & ~abnormal).sum())
    return {
        "accuracy": _ratio(hits + passes, len(labels)),
        "f1": _ratio(2 * hits, 2 * hits + false_alarms + misses) if abnormal.any() else None,
        "sensitivity": _ratio(hits, hits + misses),
        "specificity": _ratio(passes, passes + false_alarms),
    }


def oracle_metrics(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]
) -> dict[str, Number]:
    """Best accuracy and F1 over all thresholds on these very labels, as the papers report them.

    An upper bound that no user can reach, for want of labels: named ``oracle_*`` everywhere.
    An image is called abnormal when its score is at least the threshold.
    """
    names = ("oracle_accuracy", "oracle_accuracy_threshold", "oracle_f1", "oracle_f1_threshold")
    if not has_both_classes(labels):
        return dict.fromkeys(names)
    order = np.argsort(-scores, kind="stable")
    ranked, abnormal = scores[order], labels[order] == 1
    last_of_tie = np.append(np.diff(ranked) != 0, True)
    hits = np.cumsum(abnormal)[last_of_tie]
    flagged = np.flatnonzero(last_of_tie) + 1
    positives = int(abnormal.sum())
    accuracy = (hits + (len(labels) - positives) - (flagged - hits)) / len(labels)
    f1 = 2 * hits / (flagged + positives)
    thresholds = ranked[last_of_tie]
    best, best_f1 = int(accuracy.argmax()), int(f1.argmax())
    values = (accuracy[best], thresholds[best], f1[best_f1], thresholds[best_f1])
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def auroc_by_kind(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"], kinds: np.ndarray
) -> dict[str, dict[str, object]]:
    """For each kind of anomaly: ``auroc`` against all normals, its interval, ``n`` of the kind."""
    result = {}
    for kind in dict.fromkeys(kinds[labels == 1].tolist()):
        chosen = (labels == 0) | ((labels == 1) & (kinds == kind))
        ranking = ranking_metrics(labels[chosen], scores[chosen])
        count = int(((labels == 1) & (kinds == kind)).sum())
        result[str(kind)] = {
            "auroc": ranking["auroc"], "auroc_ci": ranking["auroc_ci"], "n": count,
        }  # fmt: skip
    return result


def share_interval(count: int, total: int, level: float = 0.95) -> dict[str, object]:
    """A share with its exact interval. Source: Clopper and Pearson, Biometrika 1934."""
    if total == 0:
        return {"share": None, "ci": None, "n": 0}
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, total - count + 1))
    high = 1.0 if count == total else float(beta.ppf(1 - tail, count + 1, total - count))
    return {"share": count / total, "ci": [low, high], "n": total}


def _ratio(part: int, whole: int) -> Number:
    return part / whole if whole else None


def auroc_score_interval(
    auroc: float, normals: int, abnormals: int, level: float = 0.95
) -> tuple[float, float]:
    """Interval of an AUROC from few films, where resampling a perfect ranking would show no doubt.

    The areas for which the measured one lies within the normal quantile of their standard error,
    as Hanley and McNeil give it with both exponents of the mean number of films. Source: Newcombe,
    Statistics in Medicine 2006, method 5.
    """
    quantile, mean = float(norm.ppf((1 + level) / 2)), (normals + abnormals) / 2 - 1

    def excess(area: float) -> float:
        spread = 1 + mean * ((1 - area) / (2 - area) + area / (1 + area))
        error = quantile * np.sqrt(area * (1 - area) * spread / (normals * abnormals))
        return float(abs(auroc - area) - error)

    near = min(max(auroc, _NEAR), 1 - _NEAR)  # at 0 and at 1 themselves the standard error is 0
    low = brentq(excess, 0.0, near) if auroc > 0 else 0.0
    high = brentq(excess, near, 1.0) if auroc < 1 else 1.0
    return float(low), float(high)
