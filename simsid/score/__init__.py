"""``python -m simsid.score``: image files in, a table of scores out.

``command`` reads options, ``job`` says what is wanted, ``run`` does it, ``server`` does it with films of a
DICOMweb server, ``rows`` makes a row of each film, ``archive`` fills shards, ``ending``
says how it ended.
"""

from typing import TYPE_CHECKING, Any

from simsid.lazy import imported
from simsid.scoring.table import COLUMNS

if TYPE_CHECKING:
    from simsid.score.command import main, make_parser
    from simsid.score.rows import score_batches

_HOMES = {"main": "command", "make_parser": "command", "score_batches": "rows"}

__all__ = ["COLUMNS", "main", "make_parser", "score_batches"]


def __getattr__(name: str) -> Any:
    return imported(__name__, _HOMES, name)
