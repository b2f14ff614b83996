from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from simsid.data.decode import pool as pool_module
from simsid.data.decode.pool import DecodingPool, made_ahead
from simsid.errors import ImageError
from tests.simsid.data.make_files import film16, npy, png, zeros
from tests.waiting import GENEROUS, at_work, wait_until

FILM = film16()


@pytest.fixture
def pool():
    pool = DecodingPool(2)
    yield pool
    pool.close()


@pytest.fixture
def shared(pool, monkeypatch):
    monkeypatch.setattr(pool_module, "_shared", pool)
    return pool


def decoded(pool, film):
    return pool.decode(npy(film), "film").pixels


def test_films_one_after_the_other_start_one_worker_and_many_at_once_no_more_than_the_size(pool):
    for _ in range(3):
        decoded(pool, FILM)
    assert len(pool._workers) == 1
    films = [np.roll(FILM, shift, axis=1) for shift in range(12)]
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda film: decoded(pool, film), films))
    assert len(pool._workers) == 2
    for film, pixels in zip(films, found, strict=True):
        assert pixels == pytest.approx(film / 65535, abs=1e-6)


def test_a_film_that_kills_its_worker_costs_no_other_film(pool):
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(pool.decode, png(7_000, 7_000, 16, 2, zeros(304)), "film")
        wait_until(lambda: pool._workers and pool._workers[0]._process)
        process = pool._workers[0]._process
        at_work(psutil.Process(process.pid))
        process.kill()
        assert decoded(pool, FILM).shape == FILM.shape
        with pytest.raises(ImageError) as caught:
            slow.result()
    assert caught.value.code == "decoder_failed"
    assert decoded(pool, FILM).shape == FILM.shape


def test_batches_come_in_order_and_the_next_is_made_while_one_is_used(shared):
    made = []

    def make(item):
        time.sleep(0.02 * (item % 3 == 0))
        made.append(item)
        return -item

    batches = made_ahead([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]], make)
    assert next(batches) == [0, -1, -2]
    wait_until(lambda: len(made) >= 6)
    assert [-item for batch in batches for item in batch] == list(range(3, 10))


def test_no_more_is_made_ahead_than_the_workers_need(shared):
    made = []
    batches = made_ahead([[item] for item in range(100)], made.append)
    next(batches)
    wait_until(lambda: len(made) >= 1 + 2 * shared.size)
    time.sleep(0.05)  # in which more would be made
    assert len(made) == 1 + 2 * shared.size
    batches.close()


def test_an_error_comes_with_its_batch_and_what_was_not_begun_is_left(shared):
    made = []

    def make(item):
        if item == 3:
            raise KeyboardInterrupt
        made.append(item)
        return item

    batches = made_ahead([[0, 1], [2, 3], [4, 5], *[[6 + i] for i in range(90)]], make)
    assert next(batches) == [0, 1]
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    assert len(made) < 20


def test_who_stops_early_does_not_wait_for_a_slow_film(shared):
    slow = png(7_000, 7_000, 16, 2, zeros(304))

    def make(item):
        return shared.decode(slow, "film") if item else item

    shared.decode(npy(FILM), "film")
    batches = made_ahead([[0], [1], [1], [1], [1], [1]], make)
    next(batches)
    time.sleep(0.05)
    batches.close()
    assert not [thread for thread in threading.enumerate() if "made-ahead" in thread.name]
    assert shared.decode(npy(FILM), "film").size == FILM.shape


def test_a_film_that_begins_while_all_is_given_up_is_given_up_too(shared, monkeypatch):
    begun, given_up, ended = threading.Event(), threading.Event(), []
    monkeypatch.setattr(shared, "kill", lambda: given_up.set() if begun.is_set() else begun.set())

    def make(item):
        if item:
            assert begun.wait(GENEROUS)  # the first kill finds no worker
            ended.append(given_up.wait(GENEROUS))

    batches = made_ahead([[0], [1], [0]], make)
    next(batches)
    batches.close()
    assert ended == [True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_while_all_workers_are_lent_gets_workers_of_its_own():
    code = """if True:
        import io, os, signal, numpy as np
        from simsid.data.decode.pool import DecodingPool
        file = io.BytesIO()
        np.save(file, np.arange(48 * 64, dtype=np.uint16).reshape(48, 64))
        pool = DecodingPool(1)
        with pool._lent():  # as another thread would
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                pool.decode(file.getvalue(), "film")
                pool.close()
                os._exit(7)
        print(os.waitpid(child, 0)[1] >> 8)
        pool.close()
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["7"], done.stderr
