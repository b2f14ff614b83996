"""Decision 16: the tests that its table names exist, and each kind has thirty cases of our own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.simsid import test_nothing_destroyed as nothing_destroyed
from tests.simsid.data import test_nasty_pixels as nasty_pixels
from tests.simsid.data import test_nasty_truth as nasty_truth

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs/decisions/0016-real-folders.md").read_text(encoding="utf-8")


def test_every_test_that_the_table_names_exists():
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", TABLE)
    assert len(named) > 60
    for file, name in named:
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_of_the_table_names_a_test():
    rows = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 50
    assert not [row for row in rows if "::test_" not in row]


def test_each_of_the_first_three_kinds_has_thirty_cases_of_our_own():
    masks = (nasty_truth.MASKS, nasty_truth.BLURRED, nasty_truth.OPEN, nasty_truth.NAMES)
    assert len(nothing_destroyed.WAYS) * len(nothing_destroyed.THINGS) >= 30
    assert sum(map(len, masks)) >= 30
    assert len(nasty_pixels.CASES) + len(nasty_pixels.REFUSED) >= 30
