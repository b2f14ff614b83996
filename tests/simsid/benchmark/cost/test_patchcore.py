"""The cost of PatchCore's kinds: what is measured, and what is said where the peer is absent."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsid import peak
from simsid.benchmark import adapter
from simsid.benchmark.__main__ import main
from simsid.benchmark.cost import patchcore
from simsid.benchmark.cost.patchcore_figure import draw_region_patchcore
from simsid.benchmark.cost.patchcore_page import cost_table
from simsid.benchmark.cost.patchcore_records import Cost, Measured
from simsid.benchmark.cost.patchcore_rows import OURS, PEER, measure, ours
from simsid.data.image_kind import Cells
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.detectors import save_model
from simsid.detectors.region_patchcore import RegionPatchCore
from simsid.detectors.region_patchcore_config import RegionPatchCoreConfig
from simsid.errors import SimsidError
from simsid.peak import forget_peak
from simsid.training.fit import fit
from synth import AnatomyConfig

TWO = Cost(stored=2.0, peak=2.0, fill=2.0, score=2.0)
ONE = Cost(stored=1.0, peak=1.0, fill=1.0, score=1.0)


def said(cost):
    return Measured(made={"threads": 1}, cost=cost)


def bodies(count):
    """Films with dark margins, which masking leaves out."""
    films = np.random.default_rng(0).integers(80, 255, (count, 64, 64), dtype=np.uint8)
    films[:, :, :16] = films[:, :, -16:] = 0
    return films


def test_masking_stores_and_computes_less():
    share = 0.9  # above the least that is stored
    rows = [
        measure(ours(f"region-patchcore{words}", 64, share), bodies(16), 1)
        for words in ("", " without masking")
    ]
    assert rows[0].stored < 0.7 * rows[1].stored
    assert all(row.fill > 0 and row.score > 0 for row in rows)


def growth_in_a_child(code, megabytes):
    """The growth that ``code`` counts while it holds ``megabytes``, in a process of its own.

    In this one the collector may let go of other tests' memory between the two readings.
    """
    code = f"""if True:
        import json, numpy as np
        from simsid.peak import forget_peak, peak_memory_mb
        {code}
        held = forget_peak()
        np.ones({megabytes} * 125_000)
        print(json.dumps(None if held is None else peak_memory_mb() - held))
    """
    paths = os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=paths)
    assert done.returncode == 0, done.stderr
    grown = json.loads(done.stdout)
    if grown is None:
        pytest.skip("this system does not tell a process its peak")
    return grown


def test_a_child_sees_its_own_growth_under_a_parent_with_a_larger_peak():
    """Linux hands ``ru_maxrss`` down, so a growth below the parent's peak would read as none."""
    np.ones(50_000_000)  # 400 MB, gone at once; the peak stays
    assert 190 < growth_in_a_child("", megabytes=200) < 260


def test_a_growth_is_counted_from_what_is_held_not_from_an_earlier_peak():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not forget a peak")
    assert 90 < growth_in_a_child("np.ones(50_000_000)", megabytes=100) < 130


def test_a_peak_that_the_system_keeps_is_where_growth_is_counted_from(monkeypatch, tmp_path):
    monkeypatch.setattr(peak, "_REFERENCES", tmp_path / "absent" / "clear_refs")
    monkeypatch.setattr(peak, "peak_memory_mb", lambda: 123.0)
    assert forget_peak() == 123.0


def test_the_table_shows_median_range_and_ratio_to_the_first_row():
    ours = [said(replace(TWO, score=value)) for value in (1.0, 0.5, 3.0)]
    runs = {"peer": [said(TWO)], "ours": ours}
    peer, ours = cost_table(runs).rows
    assert peer == ("peer", *["2 (1.00)"] * 4)
    assert ours[-1] == "1 [0.5, 3] (0.50)"


def test_a_peak_that_cannot_be_known_is_no_number():
    runs = {"ours": [said(replace(TWO, peak=None))]}
    assert cost_table(runs).rows[0][2] == "n/a"


@pytest.fixture
def unmeasured(monkeypatch):
    """Every row costs the same, without being run; the names of those asked for, in order."""
    asked, row = [], said(ONE)
    films = make_digitanatomy(AnatomyConfig(), 16, 20, 4, test_normal=4, test_per_kind=2)
    monkeypatch.setattr(patchcore, "peer_python", lambda given: given)
    monkeypatch.setattr(patchcore, "run_row", lambda _, name, __: asked.append(name) or row)
    monkeypatch.setattr(adapter, "load_choice", lambda *_: films)
    return asked


def test_without_the_peer_its_row_is_left_out_in_a_plain_sentence(unmeasured, capsys):
    assert patchcore.main(["--dataset", "digitanatomy", "--films", "16"]) == 0
    shown = capsys.readouterr().out
    assert "anomalib is not installed" in shown and "anomalib PatchCore" not in shown


def test_rows_are_measured_in_turn_and_written_without_a_path(unmeasured, tmp_path):
    given = ["--dataset", "digitanatomy", "--films", "16", "--runs", "2", "--out", str(tmp_path),
             "--anomalib-python", "/home/me/python", f"--data-root={tmp_path}"]  # fmt: skip
    assert patchcore.main(given) == 0
    assert unmeasured == 2 * [PEER, *OURS]
    page, text = ((tmp_path / f"patchcore.{end}").read_text() for end in ("md", "json"))
    assert "--data-root DIGITANATOMY_ROOT" in page and "--anomalib-python PYTHON" in page
    assert not any(place in page + text for place in (str(tmp_path), "/home/me"))
    found = json.loads(text, parse_constant=pytest.fail)
    assert found["rows"][PEER]["fill"] == {"median": 1.0, "least": 1.0, "most": 1.0, "runs": [1, 1]}
    assert found["made"]["data_fingerprint"] in page and "torch" in found["made"]["versions"]
    assert found["made"]["commit"] and found["made"]["films"] == 16


def test_an_interpreter_without_the_peer_is_refused(tmp_path):
    with pytest.raises(SimsidError, match="cannot be run"):
        patchcore.peer_python(str(tmp_path / "python"))
    lacking = tmp_path / "python"
    lacking.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')  # no site-packages
    lacking.chmod(0o755)
    with pytest.raises(SimsidError, match="has no anomalib"):
        patchcore.peer_python(str(lacking))


@pytest.mark.skipif(os.name == "nt", reason="the interpreter is a script")
def test_a_row_that_fails_is_told_by_its_last_line(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho Traceback >&2\necho MemoryError: no room >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(SimsidError, match="'patchcore' failed: MemoryError: no room"):
        patchcore.run_row(str(python), "patchcore", ("films.npy", "64", "0.1", "1"))


@pytest.mark.slow
def test_a_row_that_fails_says_why():
    with pytest.raises(SimsidError, match=r"'patchcore' failed: FileNotFoundError"):
        patchcore.run_row(sys.executable, "patchcore", ("/nowhere.npy", "64", "0.1", "1"))


def test_a_figure_needs_a_model(monkeypatch):
    monkeypatch.setattr(adapter, "load_choice", lambda *_: None)
    with pytest.raises(SimsidError, match="name it with --model"):
        main(["patchcore", "--dataset", "digitanatomy", "--figure", "x.png"])


def test_the_figure_shows_every_kind_outside_a_checkout_too(tmp_path, monkeypatch):
    monkeypatch.setattr("simsid.benchmark.cost.patchcore_figure.kit_commit", lambda: None)
    config = RegionPatchCoreConfig.preset("quick", (96, 96), Cells((3, 3)))
    small = {"width": 4, "layers": (1, 2), "pretraining": False, "align_rounds": 1}
    data = make_digitanatomy(AnatomyConfig(), 16, 12, 4, test_normal=4, test_per_kind=2)
    detector = RegionPatchCore(replace(config, **small))
    fit(detector, data.train, data.calibration, epochs=1, device="cpu")
    save_model(detector, tmp_path / "model")
    path = draw_region_patchcore(str(tmp_path / "model"), data, tmp_path / "figure.png")
    assert path.stat().st_size > 5_000
