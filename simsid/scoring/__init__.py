"""The one scoring path: command line, Python, HTTP, MCP and page score through ``score_film``.

What a model's scores *are* stands with its detector, in ``simsid.detectors``; add a new one there.
"""

from typing import TYPE_CHECKING, Any

from simsid.lazy import imported

if TYPE_CHECKING:
    from simsid.scoring.batch import BatchCheck, BatchFinding
    from simsid.scoring.choice import chosen_population
    from simsid.scoring.film import score_film, score_films, score_prepared, weakness_told
    from simsid.scoring.results import RefusedFilm, ScoredFilm
    from simsid.scoring.verdicts import (
        ANOTHER_POPULATION,
        BORDERLINE,
        CALLED_ABNORMAL,
        CALLED_NORMAL,
        NOT_A_FILM,
        NOTHING_UNUSUAL,
        STATES,
        TOO_FEW_NORMALS,
        UNDECIDED,
        UNUSUAL,
        state_of,
    )
    from simsid.scoring.words import basis

_VERDICTS = (
    *("ANOTHER_POPULATION", "BORDERLINE", "CALLED_ABNORMAL", "CALLED_NORMAL", "NOT_A_FILM"),
    *("NOTHING_UNUSUAL", "STATES", "TOO_FEW_NORMALS", "UNDECIDED", "UNUSUAL", "state_of"),
)
_FILM = ("score_film", "score_films", "score_prepared", "weakness_told")
_HOMES = {
    **dict.fromkeys(("BatchCheck", "BatchFinding"), "batch"),
    **{"chosen_population": "choice", "basis": "words"},
    **dict.fromkeys(_FILM, "film"),
    **dict.fromkeys(("RefusedFilm", "ScoredFilm"), "results"),
    **dict.fromkeys(_VERDICTS, "verdicts"),
}

__all__ = [
    "ANOTHER_POPULATION",
    "BORDERLINE",
    "CALLED_ABNORMAL",
    "CALLED_NORMAL",
    "NOTHING_UNUSUAL",
    "NOT_A_FILM",
    "STATES",
    "TOO_FEW_NORMALS",
    "UNDECIDED",
    "UNUSUAL",
    "BatchCheck",
    "BatchFinding",
    "RefusedFilm",
    "ScoredFilm",
    "basis",
    "chosen_population",
    "score_film",
    "score_films",
    "score_prepared",
    "state_of",
    "weakness_told",
]


def __getattr__(name: str) -> Any:
    return imported(__name__, _HOMES, name)
