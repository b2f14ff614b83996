"""The report of a model on a data set: ``report.json``, ``report.md``, ``report.html``, figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simsid.data.datasets import RadiographData
from simsid.data.own_files import FIGURES
from simsid.detectors.base import Detector
from simsid.evaluation.card import write_card
from simsid.evaluation.content import DISCLAIMER, sections_of, summary_of, title_of
from simsid.evaluation.embedding import draw_embedding
from simsid.evaluation.evaluate import Evaluation, Progress, evaluate
from simsid.evaluation.figures import (
    draw_curves,
    draw_reconstruction_histograms,
    draw_score_histograms,
    source_line,
)
from simsid.evaluation.group_figure import draw_groups
from simsid.evaluation.panels import draw_panels
from simsid.evaluation.render import to_html, to_markdown
from simsid.evaluation.report_files import REPORT
from simsid.evaluation.style import shared_style
from simsid.evaluation.training_curves import draw_training_curves, read_metrics
from simsid.evaluation.why import draw_why
from simsid.files import write_text
from simsid.map_scale import map_scale


def report_on(
    detector: Detector,
    data: RadiographData,
    folder: Path,
    metrics_file: Path | None = None,
    model_folder: Path | None = None,
    command: str | None = None,
    progress: Progress | None = None,
    name: str = REPORT,
    part: str | None = None,
) -> str:
    """Evaluate, draw every figure, write the report; returns a summary to print.

    Args:
        folder: receives ``report.json``, ``report.md``, ``report.html`` and ``figures/``.
        metrics_file: a run's ``metrics.jsonl``, for the learning curves.
        model_folder: receives the model card with these numbers, if given.
        command: what was typed, for the reader who wants to repeat it.
        name: of the files, 'report' by default.
        part: 'test' or 'validation'; None takes the test part where there is one.

    Raises:
        DataError: there is nothing to evaluate on.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    evaluation = evaluate(detector, data, progress, part)
    figures = draw_figures(evaluation, detector, data, folder / FIGURES, metrics_file)
    write_report(evaluation.results, figures, folder, command, name)
    if model_folder is not None:
        write_card(model_folder, evaluation.results)
    return summary_of(evaluation.results, folder / f"{name}.html")


def draw_figures(
    evaluation: Evaluation,
    detector: Detector,
    data: RadiographData,
    folder: Path,
    metrics_file: Path | None = None,
) -> dict[str, Path]:
    """Draw what this detector and data allow; names to files."""
    folder.mkdir(parents=True, exist_ok=True)
    results, source = evaluation.results, source_line(evaluation.results)
    scale = map_scale(detector)
    figures: dict[str, Path | None] = {}
    with shared_style():
        figures["panels"] = draw_panels(evaluation, scale, folder / "panels.png")
        if results["image"]["auroc"] is not None:
            figures["curves"] = draw_curves(evaluation, folder / "curves.png")
        calibration_scores = detector.calibration.scores[results["score"]]
        figures["scores"] = draw_score_histograms(
            evaluation, calibration_scores, folder / "scores.png"
        )
        figures["groups"] = draw_groups(results, folder / "groups.png")
        if results["reconstruction"] is not None:
            figures["reconstruction"] = draw_reconstruction_histograms(
                evaluation, folder / "reconstruction.png"
            )
        if metrics_file is not None and metrics_file.exists():
            lines = read_metrics(metrics_file)
            figures["training"] = draw_training_curves(lines, folder / "training.png", source)
        figures["why"] = draw_why(evaluation, detector, data, folder / "why.png")
        vectors = detector.embedding(data.calibration[:60]) if len(data.calibration) >= 2 else None
        if vectors is not None:
            figures["embedding"] = draw_embedding(
                vectors["features"], vectors["slots"], folder / "embedding.png", source
            )
    drawn = {name: path for name, path in figures.items() if path is not None}
    for name in figures.keys() - drawn.keys():  # of an earlier report in the same folder
        (folder / f"{name}.png").unlink(missing_ok=True)
    return drawn


def write_report(
    results: dict[str, Any],
    figures: dict[str, Path],
    folder: Path,
    command: str | None = None,
    name: str = REPORT,
) -> None:
    """Write ``<name>.json`` (strict JSON), ``<name>.md`` and ``<name>.html`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    title, sections = title_of(results), sections_of(results, figures, command)
    write_text(folder / f"{name}.md", to_markdown(title, DISCLAIMER, sections, folder))
    write_text(folder / f"{name}.html", to_html(title, DISCLAIMER, sections))
    text = json.dumps(results, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_text(folder / f"{name}.json", text)
