"""The verdict on a film as HTML: what, by which model, and what it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from demo.histogram import histogram
from demo.words import css_class, headline
from simsid.scoring import RefusedFilm, ScoredFilm, basis

_NUMBERS = (
    ("score", "how unlike normal films this one is, all regions together; higher is more abnormal. Its "
     "unit is the model's own: scores of two models cannot be compared"),
    ("percentile", "the share of calibration normals with a lower score"),
    ("p", "how rare such a score is among normals: the share that scores as high or higher, the film "
     "itself counted once. It is no probability of disease"),
    ("threshold", "the score above which a film is called unusual, set so that the stated share of "
     "normals lies above it by mistake"),
    ("unusual", "the score lies above the threshold, and beyond what the threshold may be off by"),
    ("borderline", "with so few normals the threshold might lie on either side of this score: undecided, "
     "above the threshold as well as below"),
    ("nothing unusual found", "the score is one that normals have. It is no all-clear: the last sentence "
     "says what share of abnormal films is found"),
    ("in brackets", "where the true share lies with 90 % confidence, given so many normals"),
    ("regions and map", "how far a place lies from the same place of normals, in standard deviations. "
     "One place is compared with itself, the film as a whole: so a region of 4.8 may stand beside a "
     "film score of 3.0. A region's number is one for all of it; the map also weighs where in it the "
     "film differs, and colour begins at the first number of the bar below the map"),
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
    plot = histogram(film.normals, film.score, film.threshold, film.p_value)
    note = f'<p class="note">Note: {_text(message)}.</p>' if message else ""
    return (
        f'<section class="verdict {css_class(film)}" aria-live="polite" data-drop="{shown.drop}" '
        f'data-film="{shown.number}">'
        f"<h2>{shown.which}{headline(film)}</h2>{shown.name}"
        f"{signature(shown.label, shown.why_model)}<p>{_text(basis(film))}</p>{where}{note}{plot}"
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
        f'<section class="verdict refused" role="alert" data-drop="{shown.drop}"><h2>{shown.which}'
        f"{headline(film)}</h2>{shown.name}<p>{_text(message)}</p>{signed}</section>"
    )


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
