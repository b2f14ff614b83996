"""Any name, any terminal."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from simsid import cli
from simsid.data.datasets import LabelledImages
from simsid.data.options import film_options
from simsid.detectors.recalibration import LEAST, films_needed
from simsid.errors import DataError
from simsid.evaluation.report import report_on
from simsid.terminal import literal
from tests.simsid.helpers import make_detector
from tests.waiting import GENEROUS

ODD = ("$x^{", "_a_$b", "50%", "\udcff\udce9", "שלום", "$", "a|b", "肺炎", "tab\there")


@pytest.mark.parametrize("names", [ODD[:5], ODD[5:]])  # six kinds at most are drawn
def test_odd_names_reach_report_and_figures(names, data, tmp_path):
    test = data.test
    kinds = test.kinds.astype(object)
    for number, index in enumerate(np.flatnonzero(test.labels == 1)):
        kinds[index] = names[number % len(names)]
    named = LabelledImages(
        test.images, test.labels, kinds.astype(str), test.masks,
        np.array([f"test/{name}/{name}.png" for name in kinds]),
    )  # fmt: skip
    odd = dataclasses.replace(data, test=named)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report_on(make_detector(odd), odd, tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for name in names:
        shown = literal(name).encode("utf-8", "backslashreplace").decode()
        assert shown in text


def test_a_terminal_that_cannot_show_a_name_changes_no_exit_code(tmp_path):
    absent = tmp_path / "שלום-\udcff.png"
    for encoding in ("ascii", "ascii:strict", "latin-1"):
        done = subprocess.run(
            [sys.executable, "-m", "synth", "verify", str(absent)],
            env=os.environ | {"PYTHONIOENCODING": encoding, "LANG": "C"},
            capture_output=True,
            timeout=GENEROUS,
        )
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
    code = (
        "import sys; from simsid.cli import run_command\n"
        "def main():\n print('שלום \\udcff µ'); raise ValueError('肺')\n"
        "sys.exit(run_command(main))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"},
        capture_output=True,
        timeout=GENEROUS,
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("size", ["100000", "0", "64x99999"])
def test_a_size_that_no_film_can_have_is_one_line(size):
    from jsonargparse import Namespace

    with pytest.raises(DataError, match="--image-size must lie between 16 and 4096"):
        film_options(Namespace(image_size=size, dataset="folder"))


@pytest.mark.parametrize(
    "error",
    [MemoryError("Unable to allocate 74.5 GiB"), RuntimeError("CUDA out of memory. Tried"),
     RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory\nframe")],
)  # fmt: skip
def test_too_little_memory_is_told_in_one_line(error, capsys):
    def main():
        raise error

    assert cli.run_command(main) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: not enough memory")
    assert told.count("\n") == 1


def test_another_runtime_error_is_a_fault_and_shows_where(capsys):
    def main():
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError):
        cli.run_command(main)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5])
def test_what_is_needed_is_said_once_and_is_enough(share):
    needed = films_needed(share)
    assert needed - round(share * needed) >= LEAST
    assert needed - 1 - round(share * (needed - 1)) < LEAST
