"""The GPU's benchmark, its parts tried on the CPU."""

import json

import pytest
import torch

from simsid.benchmark.cost import gpu, gpu_parts
from simsid.benchmark.cost.gpu import all_parts, main, measure, write_page
from simsid.benchmark.cost.speed_records import Agreement, Compiled, Rate, Rates, Way
from simsid.cli import run_command
from simsid.data.image_kind import FILMS
from simsid.detectors import detector_names

NEAR = Agreement(fp32_score=0.25, fp32_anomaly_map=0.0, bf16_score=0.5, bf16_anomaly_map=0.5)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(gpu_parts.WORKLOADS, "small", ("ae", "quick", (32, 32), FILMS))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so_and_nothing_is_written(tmp_path, capsys):
    assert run_command(lambda: main(["--out", str(tmp_path / "out")])) == 2
    told = capsys.readouterr().err
    assert "finds no GPU" in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_device_agrees_with_itself_and_bf16_rounds():
    row = gpu_parts.agreement("ae", "cpu", (32, 32))
    assert row.fp32_score == row.fp32_anomaly_map == 0
    assert row.bf16_score > 0


def test_speeds_are_told_beside_the_ceiling_that_was_measured():
    row = gpu_parts.training("small", "cpu", False, 4, 64)
    assert row.ceiling > 0
    for rate in (row.training, row.scoring):
        assert rate.images > 0 and rate.share_of_ceiling > 0


def test_a_way_to_compile_that_fails_tells_why(monkeypatch):
    def broken(run, mode):
        if mode == "reduce-overhead":
            raise RuntimeError("no graphs here\nand more")
        return run

    monkeypatch.setattr(torch, "compile", broken)
    row = gpu_parts.compiled("small", "cpu", 2)
    assert row.ways["torch.compile"].difference == 0 and row.ways["torch.compile"].ms > 0
    assert row.ways["CUDA graphs"] == Way(failed="no graphs here")


def test_rows_that_fail_and_rows_not_reached_stand_in_the_page(tmp_path):
    def fails():
        raise RuntimeError("two devices\nand more")

    found = measure({"agreement": {"good": lambda: NEAR, "bad": fails}}, 60)
    found |= measure({"speed": {"late": fails}}, -1)
    folder = tmp_path / "not" / "there"
    page = write_page(folder, found, {"card": "a card"}).read_text()
    assert "fp32 score 0.25" in page and "failed two devices" in page and "not reached" in page
    rows = json.loads((folder / "gpu.json").read_text())["rows"]
    assert rows["agreement"]["good"]["fp32_score"] == 0.25
    assert rows["speed"] == {"late": {"why": "not reached"}}


def test_every_kind_of_row_is_told_in_words():
    rate = Rate(images=12.0, share_of_ceiling=0.25)
    told = gpu._told(Rates(ceiling=3.0, training=rate, scoring=rate))
    assert told.startswith("ceiling 3 TFLOP/s, training 12 images/s (25 % of the ceiling), scoring")
    ways = {"torch.compile": Way(ms=2.0, difference=0.5), "CUDA graphs": Way(failed="no")}
    told = gpu._told(Compiled(as_it_is=4.0, ways=ways))
    assert told == "as it is 4 ms, torch.compile 2 ms, difference 0.5, CUDA graphs failed no"


def test_every_detector_is_asked_to_agree():
    parts = all_parts("cpu", 2)
    assert list(parts["agreement"]) == detector_names()
    assert set(parts) == set(gpu._WORDS)
