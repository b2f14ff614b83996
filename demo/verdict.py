"""The verdict on a film as HTML: what, by which model, and what it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from demo.histogram import histogram
from demo.words import OR_ANOTHER_VIEW, css_class, headline, is_strange, looks_like
from simsid.scoring import RefusedFilm, ScoredFilm, basis
from simsid.scoring.words import P_BESIDE_THRESHOLD

_NUMBERS = (
    ("score", "how unlike normal films this one is, all regions together; higher is more abnormal. Its "
     "unit is the model's own: scores of two models cannot be compared"),
    ("percentile", "the share of calibration normals with a lower score"),
    ("p", "how rare such a score is among normals: the share that scores as high or higher, the film "
     "itself counted once. It is no probability of disease. " + P_BESIDE_THRESHOLD),
    ("threshold", "the score above which a film is called unusual, set so that the stated share of "
     "normals lies above it by mistake"),
    ("unusual", "the score lies above the threshold, and beyond what the threshold may be off by"),
    ("borderline", "with so few normals the threshold might lie on either side of this score: undecided, "
     "above the threshold as well as below"),
    ("nothing unusual found", "the score is one that normals have. It is no all-clear: the last sentence "
     "says what share of abnormal films is found"),
    ("share of abnormal films found", "measured on the films that the sentence names, with this model and "
     "the threshold that it names. The tab Benchmark has other models, each trained on one set for the "
     "ranking, with thresholds of their own: its shares differ"),
    ("in brackets", "where the true share lies with 90 % confidence, given so many normals"),
    ("regions and map", "how far a place lies from the same place of normals, in standard deviations. "
     "One place is compared with itself, the film as a whole: so a region of 4.8 may stand beside a "
     "film score of 3.0. Regions and map have a scale each: a region's number is one for all of it; the "
     "map's are point by point"),
    ("colour bar of the map", "both numbers are set by calibration normals of the model, and are the same "
     "for every film. Colour begins at the value that 1 % of the points of their maps exceed, and is full "
     "three times as far from their middle value (the median) again. The first number may well be 12: "
     "single points of normals lie far out, too, and colour shall be rare on them"),
)  # fmt: skip
NUMBERS = (
    '<details class="fold numbers"><summary>What these numbers mean</summary><dl>'
    + "".join(f"<dt>{name}</dt><dd>{words}.</dd>" for name, words in _NUMBERS)
    + "</dl></details>"
)


@dataclass(frozen=True)
class Shown:
    """Which film is shown, and by which model.

    Attributes:
        label: the model's name for readers; '' where no model has seen the file.
        number, of: the film's number, and of how many.
        drop: see ``Answer.drop``.
        why_model: a sentence on who chose the model; may be empty.
        fits_none: whether the model was chosen by the film and refuses it, as all others do.
    """

    label: str
    number: int = 1
    of: int = 1
    drop: str = ""
    why_model: str = ""
    fits_none: bool = False

    @property
    def which(self) -> str:
        """'Film 2 of 7: ', or nothing for a single one; the browser adds its name for it."""
        return f"Film {self.number} of {self.of}: " if self.of > 1 else ""

    @property
    def name(self) -> str:
        """The place where the browser writes the name that it knows."""
        return f'<p class="hint film-name" data-name="{self.number}"></p>'


def verdict_section(film: ScoredFilm, message: str, shown: Shown) -> str:
    """A scored film among the normals of its model.

    Args:
        message: notes on the film and its file; may be empty.
    """
    where = f'<p class="where">{_text(film.diffuse)}</p>' if film.diffuse else ""
    if is_strange(film):
        where = f'<p class="where">{OR_ANOTHER_VIEW}</p>' if _may_be_lateral(film) else ""
    note = f'<p class="note">Note: {_text(message)}.</p>' if message else ""
    return (
        f'<section class="verdict {css_class(film)}" aria-live="polite" data-drop="{shown.drop}" '
        f'data-film="{shown.number}">'
        f"<h2>{_heading(film, shown)}</h2>{shown.name}"
        f"{signature(shown.label, shown.why_model)}<p>{_text(basis(film))}</p>{where}{note}{plot_of(film)}"
        f"{NUMBERS}</section>"
    )


def refused_section(film: RefusedFilm, message: str, shown: Shown) -> str:
    """Why a film has no score; no model is named where none has seen it."""
    signed = signature(shown.label, shown.why_model) if shown.label else ""
    if shown.fits_none:
        signed = (
            '<p class="hint">No model on the shelf fits this picture; '
            f"{escape(shown.label)} was the nearest.</p>"
        )
    return (
        f'<section class="verdict refused" role="alert" data-drop="{shown.drop}">'
        f"<h2>{_heading(film, shown)}</h2>{shown.name}<p>{_text(message)}</p>{signed}</section>"
    )


def plot_of(film: ScoredFilm) -> str:
    """The film among normals; a film without a verdict has no threshold there, and no rank."""
    if is_strange(film):
        return histogram(film.normals, film.score, np.inf, None)
    return histogram(film.normals, film.score, film.threshold, film.p_value)


def _heading(film: ScoredFilm | RefusedFilm, shown: Shown) -> str:
    looks = looks_like(film)
    return f"{shown.which}{headline(film)}{f': {looks}' if looks else ''}"


def _may_be_lateral(film: ScoredFilm) -> bool:
    """Whether a strange film may be another view of the body, for all that its checks say."""
    return is_strange(film) and film.of_a_body and not looks_like(film)


def of_another_model(label: str, chosen: str) -> str:
    """A line above results that the model chosen now has not made."""
    return (
        f'<p class="notice" role="status">These results are of {escape(label)}: the films came '
        f"before {escape(chosen)} did. Drop them again to have them scored by it.</p>"
    )


def signature(label: str, why: str = "") -> str:
    """Which model says so, and who chose it."""
    return f'<p class="hint">Model: {escape(label)}{f". {escape(why)}." if why else ""}</p>'


def _text(words: str) -> str:
    """Words of which a model's folder may have some, such as the names of its populations."""
    return escape(words, quote=False)
