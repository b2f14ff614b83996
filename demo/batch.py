"""Many films: a table to sort, a CSV and a ZIP of maps to take away. File names are not kept."""

from __future__ import annotations

import csv
import io
import zipfile

from demo.inference import FilmResult, Inference
from demo.pictures import download_link, png_bytes, thumbnail
from demo.words import SCORED, headline
from simsid.map_scale import overlay

COLUMNS = ("film", "picture", "score", "percentile", "p", "verdict", "note")
TYPES = ("number", "html", "number", "number", "number", "str", "str")
_CSV = ("film", "score", "percentile", "p_value", "verdict", "status", "message")
_CSV += ("model", "commit")


def table_rows(results: list[FilmResult]) -> list[list[object]]:
    """A row of ``COLUMNS`` for each film, in the order of the upload."""
    rows = []
    for number, result in enumerate(results, 1):
        if result.status != SCORED:
            rows.append([number, "", None, None, None, "not scored", result.message])
            continue
        picture = thumbnail(result.film.image, f"Film {number}")
        numbers = [round(result.score, 3), round(result.percentile, 1), round(result.p_value, 4)]
        rows.append([number, picture, *numbers, headline(result), result.message])
    return rows


def downloads(results: list[FilmResult], inference: Inference) -> str:
    """Two links that hold their files."""
    table = download_link(csv_of(results), "text/csv", "scores.csv", "Scores as CSV")
    maps = download_link(maps_of(results, inference), "application/zip", "maps.zip", "Maps as ZIP")
    return (
        f'<p class="links">{table} {maps}</p><p class="hint">Films are numbered in the order '
        "of the upload; their file names are not kept.</p>"
    )


def csv_of(results: list[FilmResult]) -> bytes:
    """The columns of ``simsid.score``, with a number for the file, and the model."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    for number, r in enumerate(results, 1):
        numbers = ("" if v is None else repr(v) for v in (r.score, r.percentile, r.p_value))
        made_by = (r.model or "", r.commit or "")
        writer.writerow([number, *numbers, r.verdict or "", r.status, r.message, *made_by])
    return out.getvalue().encode()


def maps_of(results: list[FilmResult], inference: Inference) -> bytes:
    """A ZIP with each scored film under its map, all on the model's fixed scale."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, r in enumerate(results, 1):
            if r.status == SCORED:
                picture = overlay(r.film.image, r.anomaly_map, inference.scale(r.film.model))
                archive.writestr(f"film-{number:03d}.map.png", png_bytes(picture))
    return out.getvalue()
