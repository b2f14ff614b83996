"""What the table says of a film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simsid.detectors.findings import REFUSE, Finding, reason_of
from simsid.scoring.results import RefusedFilm, ScoredFilm
from simsid.scoring.table import COLUMNS, Row, file_key

SCORED = "ok"
MAP_FAILED = "map_not_written"
ACCEPT = "--accept-out-of-place"


def row_of(
    file: Path, result: ScoredFilm | RefusedFilm, model: str, notes: Sequence[str] = ()
) -> Row:
    """A row of ``COLUMNS``.

    A film without a score has its error's code as status; doubts about a scored one, and what the
    decoder noticed, stand in the message.

    Args:
        model: what the row was made with.
        notes: of the decoder, in words.
    """
    row: Row = {**dict.fromkeys(COLUMNS, ""), "file": file_key(file), "model": model}
    if isinstance(result, RefusedFilm):
        message = result.message
        if result.out_of_place:
            reason = reason_of(Finding(result.code, REFUSE, result.message))
            message = f"{reason}, or score it all the same with {ACCEPT}"
        said = "; ".join([message, *notes])
        return row | {"state": result.state, "status": result.code, "message": said}
    said = "; ".join([*map(reason_of, result.findings), *notes])
    return row | numbers_of(result) | {"status": SCORED, "message": said}


def numbers_of(film: ScoredFilm) -> Row:
    """The columns of a film that has a score, from ``state`` to ``diffuse``, and ``verdict``.

    The last is deprecated: read ``state``.
    """
    low, high = film.rate_interval
    lowest, highest = film.threshold_interval
    firm = np.isfinite(film.threshold)
    return {
        "state": film.state,
        "score": film.score,
        "percentile": "" if film.percentile is None else film.percentile,
        "p_value": "" if film.p_value is None else film.p_value,
        "threshold": film.threshold if firm else "",
        "threshold_low": lowest if firm else "",
        "threshold_high": highest if firm else "",
        "false_alarm_rate": film.false_alarm_rate,
        "rate_low": round(low, 4),
        "rate_high": round(high, 4),
        "num_normals": film.num_normals,
        "population": film.population,
        "looks_like": film.looks_like,
        "judged_as": film.judged_as,
        "found_share": "" if film.found is None else film.found.share,
        "found_of": "" if film.found is None else film.found.abnormals,
        "diffuse": film.diffuse,
        "verdict": film.former_verdict,
    }


def without_map(row: Row, error: OSError) -> Row:
    """The row of a film that has a score, but whose map could not be written."""
    message = f"the score stands, its map was not written: {error.filename}: {error.strerror}"
    said = [part for part in (row["message"], message) if part]
    return row | {"status": MAP_FAILED, "message": "; ".join(said)}


def without_result(row: Row, reason: str) -> Row:
    """The row of a film that no DICOM result can be put beside, which costs it nothing else."""
    said = [part for part in (row["message"], f"no DICOM result: {reason}") if part]
    return row | {"message": "; ".join(said)}
