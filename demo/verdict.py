"""The verdict on a film as HTML: what, by which model, and what it stands on."""

from __future__ import annotations

from html import escape

from demo.histogram import histogram
from demo.words import basis, headline
from simsid.scoring import ScoredFilm


def verdict_section(film: ScoredFilm, message: str, label: str, which: str = "") -> str:
    """A scored film among the normals of its model, which ``label`` names.

    Args:
        message: notes on the film and its file; may be empty.
        which: of many films this is.
    """
    plot = histogram(film.normals, film.score, film.threshold, film.p_value)
    note = f'<p class="note">Note: {message}.</p>' if message else ""
    return (
        f'<section class="verdict {css_class(film)}" aria-live="polite"><h2>{which}{headline(film)}</h2>'
        f"{signature(label)}<p>{basis(film)}</p>{note}{plot}</section>"
    )


def css_class(film: ScoredFilm) -> str:
    """The verdict as a class of the page's style: 'another-population' and so on."""
    return film.verdict.replace(" ", "-")


def refused_section(message: str, label: str | None, which: str = "") -> str:
    """Why a film has no score; no model is named where none has seen it."""
    return (
        '<section class="verdict refused" role="alert"><h2>'
        f"{which}Not scored</h2>"
        f"<p>{message}</p>{signature(label) if label else ''}</section>"
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
