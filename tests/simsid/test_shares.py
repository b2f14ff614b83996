"""A share reads the same wherever it is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simsid.shares import in_percent, of_all, range_in_percent

ROOT = Path(__file__).resolve().parents[2]
PERCENT_SIGN = re.compile(r"%\}|100 \* [^%]*\} %")
ROWS = ("perturbations.py", "contamination.py")  # name rows so, which journals hold


@pytest.mark.parametrize(
    ("share", "digits", "told"),
    [
        (0.05, None, "5 %"), (0.005, None, "0.5 %"), (0.07, None, "7 %"), (0.999, None, "99.9 %"),
        (0.256, 0, "26 %"), (1.0, 0, "100 %"), (0.05, 1, "5.0 %"),
    ],
)  # fmt: skip
def test_a_share_has_a_blank_and_its_digits(share, digits, told):
    assert in_percent(share, digits) == told


def test_an_interval_has_one_sign():
    assert range_in_percent(0.0, 0.042) == "0 to 4 %"
    assert range_in_percent(0.004, 0.042, 1) == "0.4 to 4.2 %"


def test_few_of_many_have_a_decimal():
    assert [of_all(3, 40), of_all(4, 40), of_all(0, 0)] == [
        "3 of 40 (7.5 %)", "4 of 40 (10 %)", "0 of 0 (0 %)"
    ]  # fmt: skip


def test_nobody_writes_a_share_by_hand():
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for room in ("simsid", "hub", "demo")
        for file in sorted((ROOT / room).rglob("*.py"))
        for line in file.read_text("utf-8").splitlines()
        if PERCENT_SIGN.search(line) and file.name not in ("shares.py", *ROWS)
    ]
    assert found == []
    assert PERCENT_SIGN.search('f"{100 * low:.0f} %"') and PERCENT_SIGN.search('f"{low:.0%}"')
