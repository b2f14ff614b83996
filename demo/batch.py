"""Many films: a table to sort, a CSV and a ZIP of maps to take away. File names are not kept."""

from __future__ import annotations

import csv
import io
import zipfile

from demo.inference import Answer, Inference
from demo.pictures import download_link, png_bytes, thumbnail
from demo.words import headline
from simsid.map_scale import overlay
from simsid.scoring import RefusedFilm, ScoredFilm

COLUMNS = ("film", "picture", "score", "percentile", "p", "verdict", "note")
TYPES = ("number", "html", "number", "number", "number", "str", "str")
_CSV = (
    "film", "score", "percentile", "p_value", "verdict", "status", "message", "model", "commit",
)  # fmt: skip


def table_rows(answers: list[Answer]) -> list[list[object]]:
    """A row of ``COLUMNS`` for each film, in the order of the upload."""
    rows: list[list[object]] = []
    for number, answer in enumerate(answers, 1):
        film = answer.film
        if isinstance(film, RefusedFilm):
            rows.append([number, "", None, None, None, "not scored", answer.message])
            continue
        picture = thumbnail(film.image, f"Film {number}")
        numbers = [round(film.score, 3), round(film.percentile, 1), round(film.p_value, 4)]
        rows.append([number, picture, *numbers, headline(film), answer.message])
    return rows


def downloads(answers: list[Answer], inference: Inference) -> str:
    """Two links that hold their files."""
    table = download_link(csv_of(answers), "text/csv", "scores.csv", "Scores as CSV")
    maps = download_link(maps_of(answers, inference), "application/zip", "maps.zip", "Maps as ZIP")
    return (
        f'<p class="links">{table} {maps}</p><p class="hint">Films are numbered in the order '
        "of the upload; their file names are not kept.</p>"
    )


def csv_of(answers: list[Answer]) -> bytes:
    """The columns of ``simsid.score``, with a number for the file, and the model."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    for number, answer in enumerate(answers, 1):
        film, said = answer.film, ["", "", "", ""]
        if isinstance(film, ScoredFilm):
            said = [*map(repr, (film.score, film.percentile, film.p_value)), film.verdict]
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
