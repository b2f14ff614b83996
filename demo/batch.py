"""Many films: a table to sort, a CSV and a ZIP of maps to take away. File names stay in the browser."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from html import escape

import numpy as np

from demo.inference import Answer, Inference
from demo.own_normals import OwnNormals, with_own
from demo.pictures import download_link, png_bytes, thumbnail
from demo.words import css_class, headline, is_strange, looks_like
from simsid.cells import as_cell
from simsid.map_scale import overlay
from simsid.scoring import ANOTHER_POPULATION, BatchCheck, RefusedFilm, ScoredFilm
from simsid.scoring.batch import LEAST as LEAST_FILMS
from simsid.scoring.batch import no_difference
from simsid.scoring.rows import numbers_of
from simsid.scoring.table import COLUMNS
from simsid.scoring.words import named

_COLUMNS = ("film", "verdict", "name", "score", "percentile", "p", "note")
_NUMBERS = ("score", "percentile", "p")
# The browser writes the names in: the server never has them.
_CSV = (
    "film",
    "name",
    *(name for name in COLUMNS[1:] if name != "verdict"),
    "commit",
    "own_normals",
)


def table_html(answers: list[Answer]) -> str:
    """A table of all films, to sort and filter in the browser, which also writes in their names.

    Each row shows its film when it is clicked; the button in its first cell is for keys.
    """
    said = [verdict_in_words(answer) for answer in answers]
    heads = "".join(
        f'<th scope="col" class="{name}" aria-sort="none"><button type="button">{name}</button></th>'
        for name in _COLUMNS
    )
    counts = Counter(said)
    options = "".join(
        f'<option value="{escape(word)}">{escape(word)} ({count})</option>'
        for word, count in counts.most_common()
    )
    rows = "".join(
        _row(number, answer, word)
        for number, (answer, word) in enumerate(zip(answers, said, strict=True), 1)
    )
    drop = answers[0].drop if answers else ""
    return (
        f'<div class="films" data-drop="{drop}"><label class="filter">Show <select '
        f'aria-label="Show films with this verdict"><option value="">all films ({len(answers)})'
        f'</option>{options}</select></label><div class="films-scroll" tabindex="0" role="region" '
        'aria-label="Table of films"><table><caption class="unseen">All films; a heading sorts, a '
        f"row shows its film</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        '</div><p class="hint phone-only">Tap a film for its percentile, p and note.</p></div>'
    )


def _row(number: int, answer: Answer, word: str) -> str:
    film, picture = answer.film, ""
    values: list[tuple[float | None, str]] = [(None, "")] * 3
    if isinstance(film, ScoredFilm):
        picture = thumbnail(film.image, "")
        told = ((film.score, 3), (film.percentile, 1), (film.p_value, 4))
        values = [(v, "" if v is None else f"{v:.{digits}f}") for v, digits in told]
    cells = "".join(
        f'<td class="number {name}" data-value="{"" if value is None else value}">{text}</td>'
        for name, (value, text) in zip(_NUMBERS, values, strict=True)
    )
    note, whole = (
        escape("; ".join(filter(None, (_judged_by(film), said))), quote=True)
        for said in (_in_short(answer), answer.message)
    )
    return (
        f'<tr data-film="{number}" data-verdict="{escape(word)}"><td data-value="{number}">'
        f'<button type="button" class="open" aria-label="Show film {number}">{picture}{number}'
        f'</button></td><td class="verdict-word {css_class(film)}">{word}</td>'
        f'<td class="film-name" data-name="{number}"></td>{cells}'
        f'<td class="note" title="{whole}">{note}</td></tr>'
    )


def _in_short(answer: Answer) -> str:
    """The message without what the verdict beside it says already; a click on the row tells it all."""
    film, looks = answer.film, looks_like(answer.film)
    if isinstance(film, RefusedFilm):
        return (looks or "unlike its training images") if film.out_of_place else film.message
    return "; ".join(filter(None, (looks, answer.note))) if is_strange(film) else answer.message


def _judged_by(film: ScoredFilm | RefusedFilm) -> str:
    """Whose normals judged a film, where the model knows several, so that higher scores may be usual."""
    if not isinstance(film, ScoredFilm) or not film.population:
        return ""
    if not np.isfinite(film.threshold) or film.state == ANOTHER_POPULATION:
        return ""
    chosen = ", by choice" if film.judged_as else ""
    return f"threshold {film.threshold:.2f}, of the normals of {named(film.population)}{chosen}"


def verdict_in_words(answer: Answer) -> str:
    """The state as a heading, or 'Not scored'."""
    return headline(answer.film)


def batch_warning(
    answers: list[Answer], inference: Inference, own: OwnNormals | None = None
) -> str | None:
    """What the films of one upload say together, see ``BatchCheck``; None: nothing."""
    check = _check(answers, inference, own)
    finding = None if check is None else check.finding()
    return None if finding is None else finding.message


def batch_line(answers: list[Answer], inference: Inference, own: OwnNormals | None = None) -> str:
    """The same as a line above the table, also where nothing speaks against the films."""
    warning = batch_warning(answers, inference, own)
    if warning:
        return f'<p class="notice" role="status">Note: {escape(warning)}</p>'
    scored = sum(isinstance(answer.film, ScoredFilm) for answer in answers)
    if scored < LEAST_FILMS:
        text = (
            f"With {scored} scored films nothing can be said of them together: whether the stated "
            f"false-alarm rate holds here is tested from {LEAST_FILMS} films on."
        )
    else:
        doubtful = sum(isinstance(each.film, ScoredFilm) and each.film.doubtful for each in answers)
        text = f"{no_difference(scored)}. That says nothing of a single film" + (
            f"; without a verdict: {doubtful}." if doubtful else "."
        )
    return f'<p class="hint batch-line" role="status">{text}</p>'


def downloads(answers: list[Answer]) -> str:
    """Two links that hold their files."""
    table = download_link(csv_of(answers), "text/csv", "scores.csv", "Scores as CSV")
    maps = download_link(maps_of(answers), "application/zip", "maps.zip", "Maps as ZIP")
    return (
        f'<p class="links">{table} {maps}</p><p class="hint">Films are numbered in the order of '
        "the upload. Their names stay in your browser, which writes them into the CSV as you save it; "
        "they are not sent.</p>"
    )


def _check(
    answers: list[Answer], inference: Inference, own: OwnNormals | None
) -> BatchCheck | None:
    models = {answer.model for answer in answers if isinstance(answer.film, ScoredFilm)}
    if len(models) != 1:
        return None
    (model,) = models
    mine = own if own is not None and own.model == model else None
    check = BatchCheck(with_own(inference.detector(model), mine))
    for answer in answers:
        check.add(answer.film)
    return check


def csv_of(answers: list[Answer]) -> bytes:
    """The columns of ``simsid.score``, with a number for the file; commit and own normals beside.

    The column ``name`` is empty: ``films.js`` fills it where the names are, in the visitor's browser.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, _CSV, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for number, answer in enumerate(answers, 1):
        film = answer.film
        said = numbers_of(film) if isinstance(film, ScoredFilm) else {"state": film.state}
        said |= {"film": number, "status": answer.status, "message": answer.message}
        said |= {"model": answer.model, "commit": answer.commit or ""}
        said |= {"own_normals": answer.own_normals or ""}
        writer.writerow({column: as_cell(value) for column, value in said.items()})
    return out.getvalue().encode()


def maps_of(answers: list[Answer]) -> bytes:
    """A ZIP with each scored film under its map, all on the model's fixed scale."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, answer in enumerate(answers, 1):
            film = answer.film
            if isinstance(film, ScoredFilm):
                picture = overlay(film.image, film.shown_map, film.scale)
                archive.writestr(f"film-{number:03d}.map.png", png_bytes(picture))
    return out.getvalue()
