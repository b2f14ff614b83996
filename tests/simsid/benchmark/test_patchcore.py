"""The cost of PatchCore's kinds: what is measured, and what is said where the peer is absent."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from simsid.benchmark import patchcore
from simsid.benchmark.__main__ import main
from simsid.benchmark.patchcore_figure import draw_region_patchcore
from simsid.benchmark.patchcore_rows import measure, ours
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.detectors.region_patchcore import RegionPatchCore
from simsid.detectors.region_patchcore_config import RegionPatchCoreConfig
from simsid.errors import SimsidError
from synth import AnatomyConfig


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
    assert rows[0]["stored"] < 0.7 * rows[1]["stored"]
    assert all(row["fill"] > 0 and row["score"] > 0 for row in rows)


def test_the_table_shows_ratios_to_the_first_row():
    one = dict.fromkeys(("stored", "peak", "fill", "score"), 2.0)
    text = patchcore.table({"peer": one, "ours": one | {"score": 1.0}})
    assert text.splitlines()[1].count("2 (1.00)") == 4
    assert "1 (0.50)" in text.splitlines()[2]


def test_without_the_peer_its_row_is_left_out_in_a_plain_sentence(monkeypatch, capsys):
    row = dict.fromkeys(("stored", "peak", "fill", "score"), 1.0)
    monkeypatch.setattr(patchcore, "peer_python", lambda given: None)
    monkeypatch.setattr(patchcore, "run_row", lambda python, name, numbers: row)
    films = make_digitanatomy(AnatomyConfig(), 16, 20, 4, test_normal=4, test_per_kind=2)
    monkeypatch.setattr(patchcore, "load_from_options", lambda options: films)
    arguments = ["--dataset", "digitanatomy", "--films", "16"]
    assert patchcore.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "anomalib is not installed" in shown and "anomalib PatchCore" not in shown


def test_an_interpreter_without_the_peer_is_refused(tmp_path):
    with pytest.raises(SimsidError, match="cannot be run"):
        patchcore.peer_python(str(tmp_path / "python"))
    lacking = tmp_path / "python"
    lacking.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')  # no site-packages
    lacking.chmod(0o755)
    with pytest.raises(SimsidError, match="has no anomalib"):
        patchcore.peer_python(str(lacking))


def test_a_row_that_fails_says_why():
    with pytest.raises(SimsidError, match=r"'patchcore' failed: FileNotFoundError"):
        patchcore.run_row(sys.executable, "patchcore", ("/nowhere.npy", "64", "0.1", "1"))


def test_a_figure_needs_a_model(monkeypatch):
    monkeypatch.setattr(patchcore, "load_from_options", lambda options: None)
    with pytest.raises(SimsidError, match="name it with --model"):
        main(["patchcore", "--dataset", "digitanatomy", "--figure", "x.png"])


def test_the_figure_shows_every_kind(tmp_path):
    config = RegionPatchCoreConfig.preset("quick", (96, 96), (3, 3))
    small = {"width": 4, "layers": (1, 2), "pretraining": False, "align_rounds": 1}
    data = make_digitanatomy(AnatomyConfig(), 16, 12, 4, test_normal=4, test_per_kind=2)
    detector = RegionPatchCore(replace(config, **small))
    detector.fit(data.train, data.calibration, epochs=1, device="cpu")
    detector.save(tmp_path / "model")
    path = draw_region_patchcore(str(tmp_path / "model"), data, tmp_path / "figure.png")
    assert path.stat().st_size > 10_000
