"""Many films: a table to sort, a CSV and a ZIP of maps to take away. File names are not kept."""

from __future__ import annotations

import csv
import io
import zipfile
from html import escape

from demo.inference import Answer, Inference
from demo.pictures import download_link, png_bytes, thumbnail
from demo.words import headline
from simsid.map_scale import overlay
from simsid.scoring import BatchCheck, RefusedFilm, ScoredFilm

COLUMNS = ("film", "picture", "score", "percentile", "p", "verdict", "note")
TYPES = ("number", "html", "number", "number", "number", "str", "str")
_NUMBERS = ("score", "percentile", "p_value", "verdict", "false_alarm_rate")
_CSV = (
    *("film", *_NUMBERS, "rate_low", "rate_high", "num_normals", "population"),
    *("status", "message", "model", "commit"),
)


def table_rows(answers: list[Answer]) -> list[list[object]]:
    """A row of ``COLUMNS`` for each film, in the order of the upload."""
    rows: list[list[object]] = []
    for number, answer in enumerate(answers, 1):
        film = answer.film
        if isinstance(film, RefusedFilm):
            rows.append([number, "", None, None, None, "not scored", answer.message])
            continue
        picture = thumbnail(film.image, f"Film {number}")
        rank = (film.percentile, 1), (film.p_value, 4)
        numbers = [round(film.score, 3), *(None if v is None else round(v, d) for v, d in rank)]
        rows.append([number, picture, *numbers, headline(film), answer.message])
    return rows


def batch_warning(answers: list[Answer], inference: Inference) -> str | None:
    """What the films of one upload say together, see ``BatchCheck``; None: nothing."""
    models = {answer.model for answer in answers if isinstance(answer.film, ScoredFilm)}
    if len(models) != 1:
        return None
    check = BatchCheck(inference.detector(models.pop()))
    for answer in answers:
        check.add(answer.film)
    finding = check.finding()
    return None if finding is None else finding.message


def downloads(answers: list[Answer], inference: Inference) -> str:
    """Two links that hold their files."""
    table = download_link(csv_of(answers), "text/csv", "scores.csv", "Scores as CSV")
    maps = download_link(maps_of(answers, inference), "application/zip", "maps.zip", "Maps as ZIP")
    warning = batch_warning(answers, inference)
    notice = f'<p class="notice" role="status">Note: {escape(warning)}</p>' if warning else ""
    return (
        f'{notice}<p class="links">{table} {maps}</p><p class="hint">Films are numbered in the order '
        "of the upload; their file names are not kept.</p>"
    )


def csv_of(answers: list[Answer]) -> bytes:
    """The columns of ``simsid.score``, with a number for the file, and the model."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    for number, answer in enumerate(answers, 1):
        film = answer.film
        said = [""] * (len(_CSV) - 5)
        if isinstance(film, ScoredFilm):
            values = (getattr(film, name) for name in _NUMBERS)
            said = ["" if value is None else str(value) for value in values]
            said += [f"{end:.4f}" for end in film.rate_interval]
            said += [str(film.num_normals), film.population]
        made_by = (answer.model, answer.commit or "")
        writer.writerow([number, *said, answer.status, answer.message, *made_by])
    return out.getvalue().encode()


def maps_of(answers: list[Answer], inference: Inference) -> bytes:
    """A ZIP with each scored film under its map, all on the model's fixed scale."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, answer in enumerate(answers, 1):
            film = answer.film
            if isinstance(film, ScoredFilm):
                picture = overlay(film.image, film.anomaly_map, inference.scale(answer.model))
                archive.writestr(f"film-{number:03d}.map.png", png_bytes(picture))
    return out.getvalue()
