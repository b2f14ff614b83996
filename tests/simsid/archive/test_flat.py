"""Memory and open files do not grow with the number of films."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from PIL import Image

from simsid.detectors import save_model
from tests.simsid.export.models import films as made_films
from tests.simsid.export.models import fitted

FEW, MANY = 2_000, int(os.environ.get("SIMSID_FILMS", "10000"))
GROWTH = 24 * 2**20  # bytes: what an allocator keeps, not what 8,000 films would leave


def measured(count, folder):
    """(peak bytes resident, most open files, films a second) of a run, at the end and before."""
    listed = folder / f"{count}.txt"
    listed.write_text("".join(f"{index % 20:02d}.png\n" for index in range(count)), "utf-8")
    command = [sys.executable, "-m", "simsid.score", "--files", listed, "--model", folder / "model",
               "--shard-rows", 500, "--shard-format", "parquet", "--accept-out-of-place",
               "--device", "cpu", "--out", folder / f"s{count}"]  # fmt: skip
    began, most, handles = time.monotonic(), 0, 0
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            seen = psutil.Process(process.pid)
            most, handles = max(most, seen.memory_info().rss), max(handles, seen.num_fds())
        except psutil.Error:
            continue
        time.sleep(0.05)
    assert process.returncode == 0
    assert len(list((folder / f"s{count}").glob("part-*.parquet"))) == -(-count // 500)
    return most, handles, count / (time.monotonic() - began)


@pytest.mark.soak
def test_memory_and_open_files_are_those_of_a_fifth_of_the_films(tmp_path):
    pytest.importorskip("pyarrow")
    save_model(fitted("mean-grey"), tmp_path / "model")
    for index, film in enumerate((made_films(20) * 255).round().astype(np.uint8)):
        Image.fromarray(film).save(tmp_path / f"{index:02d}.png")
    few, many = measured(FEW, tmp_path), measured(MANY, tmp_path)
    for count, (memory, handles, rate) in ((FEW, few), (MANY, many)):
        print(f"{count} films: {memory / 2**20:.0f} MiB, {handles} open files, {rate:.0f} films/s")
    assert many[0] - few[0] < GROWTH
    assert many[1] <= few[1] + 2
