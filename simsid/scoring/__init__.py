"""The one scoring path: command line, Python, HTTP, MCP and page score through ``score_film``."""

from simsid.scoring.batch import BatchCheck, BatchFinding
from simsid.scoring.film import (
    RefusedFilm,
    ScoredFilm,
    score_film,
    score_films,
    score_prepared,
    weakness_told,
)
from simsid.scoring.verdicts import (
    ANOTHER_POPULATION,
    CALLED_ABNORMAL,
    CALLED_NORMAL,
    UNDECIDED,
    verdict_of,
)

__all__ = [
    "ANOTHER_POPULATION",
    "CALLED_ABNORMAL",
    "CALLED_NORMAL",
    "UNDECIDED",
    "BatchCheck",
    "BatchFinding",
    "RefusedFilm",
    "ScoredFilm",
    "score_film",
    "score_films",
    "score_prepared",
    "verdict_of",
    "weakness_told",
]
