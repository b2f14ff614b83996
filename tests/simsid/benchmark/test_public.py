"""What is written for everybody names no place of the machine that it was made on."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsid.benchmark.cases import Case
from simsid.benchmark.public import public_run, public_summary, public_sweep
from simsid.benchmark.summary import summarise

KIT = Path(__file__).parents[3]
PAGES = [
    path
    for path in sorted(KIT.joinpath("docs").rglob("*"))
    if path.is_file() and path.suffix not in (".png", ".webp")
]
ABSOLUTE = re.compile(r"(?<![\w./:-])/(?:home|Users|root|work|mnt|srv|tmp|var)\b[^\s`'\"|)]*")
UPWARD = re.compile(r"(?<![\w./])\.\./[^\s`'\"|)]*")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_committed_page_names_no_place_outside_the_kit(page):
    text = page.read_text("utf-8")
    assert ABSOLUTE.findall(text) == []
    links = [page.parent.joinpath(link).resolve() for link in UPWARD.findall(text)]
    assert all(link.is_relative_to(KIT) and link.exists() for link in links), links


@pytest.mark.parametrize("root", ["../films", "/home/mé/films", "/a b/c"])
def test_a_sweeps_command_has_a_word_for_each_path(root):
    typed = ["python", "-m", "simsid.benchmark", "robustness", "--dataset", "zhanglab"]
    paths = {"--data-root": "ZHANGLAB_ROOT", "--model": "MODEL", "--out": "OUT",
             "--export": "EXPORT", "--plugin": "PLUGIN.py"}  # fmt: skip
    apart = [word for option in paths for word in (option, root)]
    joined = [f"{option}={root}" for option in paths]
    expected = shlex.join([*typed, *(word for pair in paths.items() for word in pair)])
    assert public_sweep(shlex.join([*typed, *apart]), "zhanglab") == expected
    assert public_sweep(shlex.join([*typed, *joined]), "zhanglab") == expected


def test_what_is_no_path_stays_as_it_was_typed():
    typed = "python -m simsid.benchmark ablation --model simsid --row 'a={\"b\": 1}' --digits mnist"
    assert public_sweep(typed, "digitanatomy") == typed


def test_a_path_joined_to_its_option_is_found_in_a_rankings_command_too():
    assert public_run("run --data-root=nih=/a,zhanglab=/b --out=/c") == (
        "run --data-root nih=NIH_ROOT,zhanglab=ZHANGLAB_ROOT --out OUT"
    )


def test_of_a_failure_its_kind_alone_is_told():
    failed = {("full", 0): {"ok": False, "error": "DataError: no film at /home/me/x.png"}}
    (entry,) = summarise([Case("full")], failed, np.array([0, 1]))
    assert "/home/me/x.png" in entry.failed[0]
    (shown,) = public_summary([entry])
    assert shown == replace(entry, failed=("seed 0: DataError, see rows.jsonl",))
