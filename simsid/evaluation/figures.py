"""Figures of scores: ROC, precision-recall, histograms. Each function writes one PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from sklearn.metrics import precision_recall_curve, roc_curve

from simsid.evaluation import reconstruction
from simsid.evaluation.bootstrap import curve_bands
from simsid.evaluation.evaluate import Evaluation
from simsid.evaluation.provenance import short_commit
from simsid.evaluation.style import (
    CALIBRATION_COLOUR,
    FAINT,
    INK,
    KIND_COLOURS,
    NORMAL_COLOUR,
    colour_of,
    dash_of,
    label_of,
    log_if_wide,
    new_figure,
    save,
    shown_kinds,
)
from simsid.prediction import Prediction
from simsid.shares import in_percent

_GRID = np.linspace(0, 1, 201)
_MAX_BINS = 40
_TAIL = 0.995
_BEND = 5.0
_ZOOM_ABOVE, _ZOOM = 0.9, 0.2


def source_line(results: dict) -> str:
    """Small print of every figure: detector, data fingerprint, commit."""
    commit = short_commit(results["commit"])
    return f"{results['detector']} · data {results['data_fingerprint']} · commit {commit}"


def draw_curves(evaluation: Evaluation, path: Path) -> Path:
    """ROC and precision-recall of the default score, all kinds together and one by one.

    The bands hold 95 % of stratified bootstrap curves, point by point. The dot is the operating
    point of the calibrated threshold.
    """
    results, labelled = evaluation.results, evaluation.labelled
    labels, scores = labelled.labels, evaluation.prediction.score
    kinds = shown_kinds(results["by_kind"])
    image = results["image"]
    figure = new_figure(height=4.8)
    roc, pr = figure.subplots(1, 2)
    bands = curve_bands(labels, scores, _GRID)
    roc.fill_between(_GRID, *bands["roc"], color=INK, alpha=0.15, lw=0, label="95 % interval")
    pr.fill_between(_GRID, *bands["pr"], color=INK, alpha=0.15, lw=0, label="95 % interval")
    for kind in kinds if len(kinds) > 1 else []:
        chosen = (labels == 0) | (labelled.kinds == kind)
        fpr, tpr, _ = roc_curve(labels[chosen], scores[chosen])
        style = {"color": colour_of(kind, kinds), "ls": dash_of(kind, kinds), "lw": 1.4}
        roc.plot(
            fpr, tpr, label=f"{label_of(kind)} {results['by_kind'][kind]['auroc']:.3f}", **style
        )
        precision, recall, _ = precision_recall_curve(labels[chosen], scores[chosen])
        pr.plot(recall, precision, **style)
    fpr, tpr, _ = roc_curve(labels, scores)
    low, high = image["auroc_ci"]
    roc.plot(fpr, tpr, color=INK, label=f"all {image['auroc']:.3f} [{low:.3f}, {high:.3f}]")
    precision, recall, _ = precision_recall_curve(labels, scores)
    pr.plot(recall, precision, color=INK, label=f"all {image['aupr']:.3f}")
    pr.axhline(labels.mean(), color=FAINT, lw=1, ls=":", label=f"chance {labels.mean():.2f}")
    roc.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=":", label="chance 0.500")
    if image["sensitivity"] is not None:
        point = {"marker": "o", "ms": 7, "mfc": "white", "mec": INK, "mew": 1.6, "ls": "none"}
        roc.plot(
            1 - image["specificity"], image["sensitivity"], label="calibrated threshold", **point
        )
        thresholds = np.array(list(image["thresholds"].values()))
        own = evaluation.prediction.population
        flagged = scores > (thresholds[0] if own is None else thresholds[own])
        if flagged.any():
            pr.plot(image["sensitivity"], labels[flagged].mean(), **point)
    roc.set(title="ROC: area under the curve", xlabel="false-alarm rate (1 - specificity)",
            ylabel="sensitivity")  # fmt: skip
    pr.set(title="Precision and recall", xlabel="recall (sensitivity)", ylabel="precision")
    for axes in (roc, pr):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.03), aspect="equal")
    pr.legend(loc="lower left")
    figure.legend(*roc.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    if image["auroc"] > _ZOOM_ABOVE:
        _zoom(roc)
    return save(figure, path, source_line(results))


def draw_score_histograms(
    evaluation: Evaluation, calibration_scores: np.ndarray, path: Path
) -> Path:
    """Scores of calibration normals, the measured normals and each kind, on one axis with the threshold."""
    results, labelled = evaluation.results, evaluation.labelled
    kinds = shown_kinds(results["by_kind"])
    scores = evaluation.prediction.score
    rows = [("calibration normals", calibration_scores, CALIBRATION_COLOUR)]
    rows += [(f"{results['part']} normals", scores[labelled.labels == 0], NORMAL_COLOUR)]
    rows += [
        (kind, scores[(labelled.labels == 1) & (labelled.kinds == kind)], colour_of(kind, kinds))
        for kind in kinds
    ]
    rows = [row for row in rows if len(row[1])]
    everything = np.concatenate([values for _, values, _ in rows])
    low, high = everything.min(), np.quantile(everything, _TAIL)
    high = high if high > low else low + 1
    # Far outliers would press the normals into one bar: bend the axis beyond their range.
    width = max(float(np.ptp(calibration_scores)), 1e-6)
    bent = high - low > _BEND * width
    edges = np.linspace(low, high, _MAX_BINS + 1)
    if bent:
        first, last = np.arcsinh(np.array([low, high]) / width).tolist()
        edges = width * np.sinh(np.linspace(first, last, _MAX_BINS + 1))
    figure = new_figure(height=0.85 * len(rows) + 1.1)
    axes_of_row = np.atleast_1d(figure.subplots(len(rows), 1, sharex=True))
    thresholds: list[float] = []
    if results["image"]["threshold"] is not None:
        thresholds = list(results["image"]["thresholds"].values())
    for axes, (name, values, colour) in zip(axes_of_row, rows, strict=True):
        if bent:
            axes.set_xscale("asinh", linear_width=width)
            axes.set_xticks(_round_numbers(low, high, width), minor=False)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
        axes.hist(values.clip(low, high), edges, color=colour, alpha=0.85)
        note = f"{name}  (n = {len(values)}"
        for threshold in thresholds:
            axes.axvline(threshold, color=INK, lw=1.4, ls="--")
        if len(thresholds) == 1:
            note += f", {in_percent((values > thresholds[0]).mean(), 0)} above the threshold"
        axes.set_title(note + ")", fontsize=9, fontweight="normal", color=INK, pad=2)
        axes.set_yticks([])
        axes.grid(False)
        axes.spines["left"].set_visible(False)
    rate = results["image"]["false_alarm_rate"]
    note = f"score ({results['score']}), higher = more abnormal"
    if thresholds:
        each = "threshold" if len(thresholds) == 1 else "thresholds of the populations"
        note += f"; dashed: {each} at a false-alarm rate of {in_percent(rate)}"
    axes_of_row[-1].set_xlabel(note)
    return save(figure, path, source_line(results))


def draw_reconstruction_histograms(evaluation: Evaluation, path: Path) -> Path:
    """KL divergence and mean squared error of each image's reconstruction, by class."""
    results, labelled = evaluation.results, evaluation.labelled
    images = labelled.images.astype(np.float32) / 255.0
    rebuilt = _reconstruction_of(evaluation.prediction)
    measures = {
        "KL divergence of grey levels (nats)": reconstruction.kl_divergence(images, rebuilt),
        "mean squared error": reconstruction.mse(images, rebuilt),
    }
    figure = new_figure(height=3.2)
    for axes, (name, values) in zip(figure.subplots(1, 2), measures.items(), strict=True):
        values = values.clip(1e-9)
        spaced = np.geomspace if log_if_wide(axes, values, "x") else np.linspace
        edges = spaced(values.min(), max(values.max(), values.min() * 1.01), _MAX_BINS + 1)
        classes = (
            (0, "normal", NORMAL_COLOUR, "stepfilled"),
            (1, "abnormal", KIND_COLOURS[0], "step"),
        )
        for label, text, colour, kind in classes:
            chosen = values[labelled.labels == label]
            if len(chosen):
                weights = np.full(len(chosen), 1 / len(chosen))
                axes.hist(chosen, edges, weights=weights, color=colour, histtype=kind,
                          alpha=0.45 if label == 0 else 1.0, lw=1.8,
                          label=f"{text}, mean {chosen.mean():.2g}")  # fmt: skip
        axes.set(xlabel=name, ylabel="share of the class")
        axes.legend(loc="upper left")
        axes.margins(y=0.25)
    return save(figure, path, source_line(results))


def _zoom(roc: Axes) -> None:
    """The corner where good detectors differ, larger, in the empty half of the plot."""
    inset = roc.inset_axes((0.4, 0.14, 0.54, 0.54))
    for line in roc.get_lines():
        inset.plot(*line.get_data(), color=line.get_color(), ls=line.get_linestyle(),
                   lw=line.get_linewidth(), marker=line.get_marker(), ms=6, mfc="white",
                   mec=INK, mew=1.4)  # fmt: skip
    inset.set(xlim=(-0.004, _ZOOM), ylim=(1 - _ZOOM, 1.006))
    inset.set_xticks([0, _ZOOM / 2, _ZOOM])
    inset.set_yticks([1 - _ZOOM, 1 - _ZOOM / 2, 1])
    inset.tick_params(labelsize=8)
    marked = roc.indicate_inset_zoom(inset, edgecolor=FAINT)
    for connector in marked.connectors or ():
        connector.set_visible(False)


def _round_numbers(low: float, high: float, width: float) -> np.ndarray:
    """Ticks 0, 1, 2, 5, 10, ... of an axis that is linear up to ``width``, logarithmic beyond."""
    decades = 10.0 ** np.arange(np.floor(np.log10(width / 2)), np.ceil(np.log10(high + width)) + 1)
    ticks = np.unique(np.outer(decades, (1, 2, 5)))
    ticks = ticks[ticks >= width / 3]
    ticks = np.concatenate([-ticks[::-1], [0.0], ticks])
    return ticks[(ticks >= low) & (ticks <= high)]


def _reconstruction_of(prediction: Prediction) -> np.ndarray:
    if prediction.reconstruction is None:
        raise ValueError("the detector gives no reconstruction")
    return prediction.reconstruction[:, 0]
