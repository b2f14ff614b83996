"""``python -m simsid.score``: image files in, a table of scores out.

``command`` reads options, ``job`` says what is wanted, ``run`` does it, ``server`` does it with films of a
DICOMweb server, ``rows`` makes a row of each film, ``archive`` fills shards, ``ending``
says how it ended.
"""

from simsid.score.command import main, make_parser
from simsid.score.rows import score_batches
from simsid.scoring.table import COLUMNS

__all__ = ["COLUMNS", "main", "make_parser", "score_batches"]
