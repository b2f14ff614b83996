"""The verdict on a film as HTML: what, by which model, and what it stands on."""

from __future__ import annotations

from html import escape

from demo.histogram import histogram
from demo.inference import FilmResult
from demo.words import basis, headline
from simsid.detectors.calibration import Calibration


def verdict_section(
    result: FilmResult, label: str, calibration: Calibration, which: str = ""
) -> str:
    """A scored film among the normals of its model, which ``label`` names.

    Args:
        which: of many films this is.
    """
    name = next(iter(calibration.scores))
    plot = histogram(
        calibration.scores[name], result.score, calibration.threshold(name), result.p_value
    )
    note = f'<p class="note">Note: {result.message}.</p>' if result.message else ""
    return (
        f'<section class="verdict {result.verdict}" aria-live="polite"><h2>{which}{headline(result)}</h2>'
        f"{signature(label)}<p>{basis(result)}</p>{note}{plot}</section>"
    )


def refused_section(result: FilmResult, label: str | None, which: str = "") -> str:
    """Why a film has no score; no model is named where none has seen it."""
    return (
        '<section class="verdict refused" role="alert"><h2>'
        f"{which}Not scored</h2>"
        f"<p>{result.message}</p>{signature(label) if label else ''}</section>"
    )


def of_another_model(label: str, chosen: str) -> str:
    """A line above results that the model chosen now has not made."""
    return (
        f'<p class="notice" role="status">These results are of {escape(label)}. Drop the film '
        f"again to have them of {escape(chosen)}.</p>"
    )


def signature(label: str) -> str:
    """Which model says so."""
    return f'<p class="hint">Model: {escape(label)}</p>'
