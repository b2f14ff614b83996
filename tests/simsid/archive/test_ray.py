"""Ray Data gives the rows that one process gives, and a worker that dies costs none of them."""

from __future__ import annotations

import threading
import time

import numpy as np
import psutil
import pytest
from PIL import Image

from simsid.archive.on_ray import start_cluster
from simsid.archive.shard_files import read_shards
from simsid.detectors import save_model
from tests.simsid.archive.test_shards import shards_of
from tests.simsid.export.models import films as made_films
from tests.simsid.export.models import fitted
from tests.simsid.scoring.conftest import run
from tests.simsid.two_populations import NAMES, films_of, make_grey_two, write_films

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")
COUNT = 300


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One for all tests: most of what Ray costs is the start of its processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "2")
        patch.setenv("RAY_worker_niceness", "0")  # it would put its workers behind all else
        start_cluster(ray)
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """(folder, arguments): a model that other processes know, films, a list, and their shards."""
    folder = tmp_path_factory.mktemp("archive")
    save_model(fitted("mean-grey"), folder / "model")
    for index, film in enumerate((made_films(20) * 255).round().astype(np.uint8)):
        Image.fromarray(film).save(folder / f"{index:02d}.png")
    names = [f"{index % 20:02d}.png" for index in range(COUNT)]
    names[77] = "gone.png"
    lines = "".join(f"{index},{name}\n" for index, name in enumerate(names))
    (folder / "l.csv").write_text("id,file\n" + lines, encoding="utf-8")
    arguments = ["--files", folder / "l.csv", "--model", folder / "model", "--batch-size", 5,
                 "--shard-rows", 70, "--accept-out-of-place", "--device", "cpu"]  # fmt: skip
    assert run(*arguments, "--out", folder / "whole") == 1
    return folder, arguments


def workers_of(word):
    """Processes of Ray below this one whose title has the word."""
    found = []
    for each in psutil.Process().children(recursive=True):
        try:
            if word in " ".join(each.cmdline()):
                found.append(each)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_a_model_s_worker_that_is_killed_in_mid_run_loses_no_row_and_doubles_none(
    archive, tmp_path, capsys
):
    folder, arguments = archive
    killed, over = [], threading.Event()

    def kill():
        while not killed and not over.is_set():
            if any((tmp_path / "s").glob("part-*")):  # it is at work, not at its start
                for worker in workers_of("_Scoring"):
                    worker.kill()
                    killed.append(worker.pid)
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert run(*arguments, "--engine", "ray", "--out", tmp_path / "s") == 1  # one is missing
    finally:
        over.set()
        killer.join()
    assert killed
    assert f"{COUNT - 1} of {COUNT} images scored" in capsys.readouterr().out
    assert shards_of(tmp_path / "s") == shards_of(folder / "whole")


@pytest.mark.slow
def test_what_one_process_began_ray_finishes(archive, tmp_path):
    folder, arguments = archive
    (tmp_path / "s").mkdir()
    for file in (folder / "whole").iterdir():
        (tmp_path / "s" / file.name).write_bytes(file.read_bytes())
    for number in range(3, 5):
        (tmp_path / "s" / f"part-{number:05d}.csv").unlink()
    cut = tmp_path / "s" / "part-00002.csv"
    cut.write_bytes(cut.read_bytes()[:-300])
    assert run(*arguments, "--engine", "ray", "--out", tmp_path / "s", "--resume") == 1
    assert shards_of(tmp_path / "s") == shards_of(folder / "whole")


@pytest.mark.slow
def test_a_chosen_population_judges_on_ray_as_it_does_here(tmp_path, capsys):
    save_model(make_grey_two(), tmp_path / "model")
    films = write_films(tmp_path / "films", np.concatenate([films_of(n, 6, 53) for n in NAMES]))
    given = [films, "--model", tmp_path / "model", "--batch-size", 3, "--shard-rows", 5, "--device",
             "cpu", "--judge-as", "narrow"]  # fmt: skip
    assert run(*given, "--out", tmp_path / "here") == 0
    capsys.readouterr()
    assert run(*given, "--engine", "ray", "--out", tmp_path / "there") == 0
    assert "(--judge-as): 6 of 12 films look more like another" in capsys.readouterr().out
    assert shards_of(tmp_path / "there") == shards_of(tmp_path / "here")
    rows = list(read_shards(tmp_path / "there"))
    assert {row["judged_as"] for row in rows} == {row["population"] for row in rows} == {"narrow"}
    assert [row["looks_like"] for row in rows] == ["narrow"] * 6 + ["wide"] * 6
