from __future__ import annotations

import json

import pytest

from simsid.benchmark.cases import Case, merged
from simsid.benchmark.journal import Journal
from simsid.benchmark.resumable import run_cases
from simsid.errors import SimsidError
from simsid.training import TrainingInterrupted

SETTINGS = {"model": "simsid", "epochs": 2, "data_fingerprint": "abc"}
CASES = [Case("full"), Case("without x")]


class Measured:
    """Counts calls; fails or is stopped where it is told to."""

    def __init__(self, fail: tuple = (), stop: tuple | None = None) -> None:
        self.calls, self.fail, self.stop = [], fail, stop

    def __call__(self, case: Case, seed: int) -> dict:
        if (case.name, seed) == self.stop:
            raise TrainingInterrupted
        self.calls.append((case.name, seed))
        if (case.name, seed) in self.fail:
            raise ValueError("a tensor of the wrong size")
        return {"auroc": {"fused": 0.5}}


def sweep(folder, measured: Measured, seeds: int = 2, settings: dict = SETTINGS) -> list[str]:
    said = []
    with Journal(folder, settings) as journal:
        run_cases(journal, CASES, seeds, measured, said.append)
    return said


def test_every_case_runs_with_every_seed_whole_tables_first(tmp_path):
    measured = Measured()
    sweep(tmp_path, measured)
    assert measured.calls == [("full", 0), ("without x", 0), ("full", 1), ("without x", 1)]


def test_what_is_done_is_skipped_and_more_seeds_may_follow(tmp_path):
    sweep(tmp_path, Measured())
    again, more = Measured(), Measured()
    assert "4 of 4 rows are done already" in sweep(tmp_path, again)
    assert again.calls == []
    sweep(tmp_path, more, seeds=3)
    assert more.calls == [("full", 2), ("without x", 2)]


def test_a_failing_row_is_recorded_and_the_rest_goes_on(tmp_path):
    measured = Measured(fail=(("full", 0),))
    said = sweep(tmp_path, measured)
    assert len(measured.calls) == 4
    assert any("FAILED, ValueError: a tensor of the wrong size" in line for line in said)
    with Journal(tmp_path, SETTINGS) as journal:
        line = journal.done()["full", 0]
    assert line["error"] == "ValueError: a tensor of the wrong size"
    retried = Measured()
    sweep(tmp_path, retried)
    assert retried.calls == [("full", 0)]


def test_a_stopped_sweep_goes_on_where_it_was(tmp_path):
    said = sweep(tmp_path, Measured(stop=("without x", 0)))
    assert "the same command goes on from here" in said[-1]
    rest = Measured()
    sweep(tmp_path, rest)
    assert rest.calls == [("without x", 0), ("full", 1), ("without x", 1)]


def test_a_line_cut_short_by_a_kill_is_measured_again_and_harms_no_other(tmp_path):
    sweep(tmp_path, Measured(), seeds=1)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(rows.read_text()[:-20])
    again = Measured()
    sweep(tmp_path, again, seeds=1)
    assert again.calls == [("without x", 0)]
    with Journal(tmp_path, SETTINGS) as journal:
        assert set(journal.done()) == {("full", 0), ("without x", 0)}


def test_rows_of_another_budget_or_data_are_never_mixed(tmp_path):
    sweep(tmp_path, Measured())
    with pytest.raises(SimsidError, match="epochs 2, not 3: rows would not compare"):
        sweep(tmp_path, Measured(), settings=SETTINGS | {"epochs": 3})
    with pytest.raises(SimsidError, match="data fingerprint abc, not xyz"):
        sweep(tmp_path, Measured(), settings=SETTINGS | {"data_fingerprint": "xyz"})


def test_two_sweeps_in_one_folder_keep_out_of_each_others_way(tmp_path):
    with (
        Journal(tmp_path, SETTINGS),
        pytest.raises(SimsidError, match="another benchmark is at work"),
    ):
        sweep(tmp_path, Measured())
    sweep(tmp_path, Measured())


def test_a_line_holds_strict_json(tmp_path):
    with Journal(tmp_path, SETTINGS) as journal, pytest.raises(ValueError, match="JSON compliant"):
        journal.append({"case": "full", "seed": 0, "auroc": float("nan")})
    assert not (tmp_path / "rows.jsonl").read_text() or json.loads(
        (tmp_path / "rows.jsonl").read_text()
    )


def test_nested_settings_are_merged_not_replaced():
    base = {"weights": {"posterior": 0.2}, "top_k": 3}
    got = merged(base, {"weights": {"coverage": 0.0}, "top_k": None})
    assert got == {"weights": {"posterior": 0.2, "coverage": 0.0}, "top_k": None}
    assert base == {"weights": {"posterior": 0.2}, "top_k": 3}


def test_a_folder_of_when_the_preset_was_a_budget_goes_on(tmp_path):
    sweep(tmp_path, Measured(), settings={"budget": "quick"})
    again = Measured()
    sweep(tmp_path, again, settings={"preset": "quick"})
    assert again.calls == []
    with pytest.raises(SimsidError, match="preset quick, not paper"):
        sweep(tmp_path, Measured(), settings={"preset": "paper"})
