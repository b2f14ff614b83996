from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from simsid.data.decode import worker as worker_module
from simsid.data.decode.pool import read_untrusted
from simsid.data.decode.worker import DecodingWorker
from simsid.data.images import read_film
from simsid.errors import ImageError, SimsidError
from tests.simsid.data.make_files import (
    EXACT,
    J2K_LOSSY,
    JPEG,
    deep_png,
    dicom,
    film16,
    npy,
    picture,
    png,
    tiff,
    zeros,
)
from tests.waiting import GENEROUS, at_work

FILM = film16()
GREY = (FILM >> 8).astype(np.uint8)
posix = pytest.mark.skipif(os.name != "posix", reason="limits of the system are POSIX's")


@pytest.fixture(scope="module")
def worker():
    with DecodingWorker() as worker:
        yield worker


def slow_file() -> bytes:
    """49 Mpx of 16-bit colour, which take a second or two and 600 MB to decode."""
    return png(7_000, 7_000, 16, 2, zeros(304))


def code_of(call) -> str:
    with pytest.raises(ImageError) as caught:
        call()
    return caught.value.code


def test_every_format_is_decoded_as_in_this_process_though_no_file_can_be_opened(worker):
    colour = np.dstack([FILM] * 3)
    files = [picture(GREY, kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")]
    files += [deep_png(FILM), deep_png(colour), npy(FILM), tiff(FILM / np.float32(65535))]
    files += [tiff(colour, photometric="rgb", compression=kind) for kind in (None, "zlib")]
    files += [picture(GREY, "TIFF", compression=kind) for kind in ("tiff_lzw", "jpeg", "packbits")]
    files += [dicom(FILM, syntax) for syntax in EXACT]
    files += [dicom(GREY, JPEG), dicom(FILM, J2K_LOSSY)]
    for index, data in enumerate(files):
        there, here = worker.decode(data, "film"), read_film(data)
        assert np.array_equal(there.pixels, here.pixels), index
        assert (there.format, there.bits, there.photometric, there.warnings) == (
            (here.format, here.bits, here.photometric, here.warnings)
        )
        assert there.pixels.flags.writeable


def test_errors_keep_their_code_and_name_and_the_worker_goes_on(worker, tmp_path):
    with pytest.raises(ImageError, match=r"^my film\.png is not an image") as caught:
        worker.decode(b"no film", "my film.png")
    assert caught.value.code == "not_an_image"
    process = worker._process
    assert worker.decode(npy(FILM), "film").size == (48, 64)
    assert worker._process is process
    assert code_of(lambda: read_untrusted(tmp_path / "none.png")) == "missing"
    (tmp_path / "a.npy").write_bytes(npy(FILM))
    assert read_untrusted(tmp_path / "a.npy").size == (48, 64)


def test_what_takes_too_long_is_stopped_and_the_next_film_works():
    with DecodingWorker(seconds=0.1) as worker:
        assert code_of(lambda: worker.decode(slow_file(), "film")) == "too_slow"
        worker.seconds = 60
        assert worker.decode(npy(FILM), "film").size == (48, 64)


@posix
def test_memory_is_limited():
    with DecodingWorker(memory_mib=60) as worker:
        large = png(4_000, 4_000, 16, 0, zeros(32))
        assert code_of(lambda: worker.decode(large, "film")) == "too_large"
        assert worker.decode(npy(FILM), "film").size == (48, 64)


def kill_at_work(pid):
    """Once it decodes, and not before it was asked."""
    at_work(psutil.Process(pid))
    os.kill(pid, signal.SIGSEGV)


@posix
def test_a_worker_that_dies_is_replaced_and_leaves_no_zombie():
    with DecodingWorker() as worker:
        worker.decode(npy(FILM), "film")
        first = worker._process
        os.kill(first.pid, signal.SIGSEGV)
        first.wait(GENEROUS)
        assert worker.decode(npy(FILM), "film").size == (48, 64)
        second, data = worker._process, slow_file()
        threading.Thread(target=kill_at_work, args=(second.pid,)).start()
        assert code_of(lambda: worker.decode(data, "film")) == "decoder_failed"
        assert worker.decode(npy(FILM), "film").size == (48, 64)
        third = worker._process
    for process in (first, second, third):
        assert process.returncode is not None
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_an_interrupted_request_does_not_answer_the_next(monkeypatch):
    with DecodingWorker() as worker:
        worker.decode(npy(FILM), "film")

        def interrupt(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(worker_module, "receive", interrupt)
            with pytest.raises(KeyboardInterrupt):
                worker.decode(npy(FILM), "film")
        assert worker.decode(npy(FILM[::-1]), "film").pixels[0, 0] == pytest.approx(
            FILM[-1, 0] / 65535
        )


def test_threads_share_a_worker_and_get_their_own_films(worker):
    films = [np.roll(FILM, shift, axis=1) for shift in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda film: worker.decode(npy(film), "film").pixels, films))
    for film, pixels in zip(films, found, strict=True):
        assert pixels == pytest.approx(film / 65535, abs=1e-6)


@posix
@pytest.mark.parametrize("without", ["nothing", "allow_decoding_only", "_drop_privileges"])
def test_locked_in_it_can_open_no_file_no_socket_and_no_process(without, tmp_path):
    victim = tmp_path / "kept"
    victim.write_text("")
    code = """if True:
        import os, resource, signal, socket, sys
        from simsid.data.decode import worker_process
        if sys.argv[1] != "nothing":
            setattr(worker_process, sys.argv[1], lambda: None)
        worker_process._warm_up(); worker_process._lock_in(1024)
        def fork():
            if os.fork() == 0:
                os._exit(0)
        attempts = {
            "file": lambda: open("a"), "device": lambda: open(os.devnull), "pipe": os.pipe,
            "socket": socket.socket, "fork": fork,
            "program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
            "limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
            "removal": lambda: os.unlink(sys.argv[2]),
            "signal": lambda: os.kill(os.getppid(), 0),
        }
        for name, attempt in attempts.items():
            try:
                attempt()
                print(name)
            except (OSError, ValueError):
                pass
        print("torch" in sys.modules)
    """
    command = [sys.executable, "-c", code, without, str(victim)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GENEROUS)
    *got, torch_imported = done.stdout.split()
    assert torch_imported == "False", done.stderr
    known = ["x86_64", "aarch64"]
    if without == "nothing" and sys.platform == "linux" and platform.machine() in known:
        assert got == [] and victim.exists()
    elif without == "allow_decoding_only":  # what the limits hold where there is no filter
        assert not {"file", "device", "pipe", "socket", "fork", "program", "limits"} & set(got)
    elif without == "_drop_privileges":  # the filter alone, also for root
        assert not set(got) - {"limits"} and victim.exists()


@posix
def test_the_end_of_the_parent_is_the_end_of_the_worker(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(FILM))
    code = (
        "import sys; from simsid.data.decode import pool; pool.read_untrusted(sys.argv[1]);"
        "print(pool._shared._workers[0]._process.pid)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.npy")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GENEROUS, check=True)
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


@posix
def test_a_limit_that_the_worker_was_born_with_is_kept():
    import resource

    used = resource.getrlimit(resource.RLIMIT_CPU)
    assert used[1] == resource.RLIM_INFINITY
    code = """if True:
        import io, resource, sys
        resource.setrlimit(resource.RLIMIT_CPU, (500, 500))
        from simsid.data.decode.worker_process import _renew_time
        _renew_time(1_000)
        print(resource.getrlimit(resource.RLIMIT_CPU))
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=GENEROUS
    )
    assert done.stdout.strip() == "(500, 500)"


def test_a_very_long_name_is_cut_short(worker):
    with pytest.raises(ImageError, match=r"^xxx") as caught:
        worker.decode(b"no film", "x" * 20_000)
    assert caught.value.code == "not_an_image"
    assert len(str(caught.value)) < 400


def test_the_worker_finds_this_very_package_wherever_it_is_started(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(FILM))
    (tmp_path / "errors.py").write_text("raise SystemExit('another module of that name')")
    root = Path(worker_module.__file__).parents[3]
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(root)!r})
        from simsid.data.decode.pool import read_untrusted
        sys.path.remove({str(root)!r})
        print(read_untrusted("a.npy").size)
    """
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=GENEROUS)
    assert done.stdout.strip() == "(48, 64)", done.stderr
    assert not {str(root / "simsid"), str(root / "simsid/data")} & set(worker_module._search_path())


def test_a_worker_killed_as_it_answers_is_not_given_the_next_film(monkeypatch):
    with DecodingWorker(seconds=60) as worker:
        worker.decode(npy(FILM), "film")
        receive = worker_module.receive

        def late(*arguments):
            reply = receive(*arguments)
            threading.enumerate()[-1].function()  # the clock strikes now
            return reply

        with monkeypatch.context() as patch:
            patch.setattr(worker_module, "receive", late)
            assert worker.decode(npy(FILM), "film").size == (48, 64)
        assert worker._process is None
        assert worker.decode(npy(FILM), "film").size == (48, 64)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_while_a_film_is_decoded_starts_a_worker_of_its_own():
    code = """if True:
        import os, signal, sys, threading
        import numpy as np
        from simsid.data.decode import worker as module
        film = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
        import io
        file = io.BytesIO(); np.save(file, film); data = file.getvalue()
        worker = module.DecodingWorker()
        worker.decode(data, "film")
        with worker._lock:  # as another thread would
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                worker.decode(data, "film")
                worker.close()
                os._exit(7)
        print(os.waitpid(child, 0)[1] >> 8, worker.decode(data, "film").bits)
        worker.close()
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["7", "12"], done.stderr


def test_a_worker_that_cannot_start_says_so(monkeypatch):
    monkeypatch.setattr(worker_module, "_CODE", "raise SystemExit(3)")
    with DecodingWorker() as worker, pytest.raises(SimsidError, match="does not start"):
        worker.decode(npy(FILM), "film")


@pytest.mark.parametrize(
    ("reply", "pixels", "code"),
    [
        ({}, b"", "decoder_failed"),
        ({"shape": [40, 40]}, b"123", "decoder_failed"),
        (
            {"shape": [40, 40], "warnings": [], "format": "PNG", "surprise": 1},
            bytes(6400),
            "constant",
        ),
        ({"shape": [40, 40]}, np.full(1600, 7, np.float32).tobytes(), "out_of_range"),
    ],
)
def test_a_worker_that_was_taken_over_is_not_believed(monkeypatch, reply, pixels, code):
    monkeypatch.setattr(worker_module, "receive", lambda stream, most: (dict(reply), pixels))
    with worker_module.DecodingWorker() as worker, pytest.raises(ImageError) as caught:
        worker.decode(b"anything", "film.png")
    assert caught.value.code == code


@pytest.mark.skipif(sys.platform != "linux", reason="pipes have no size to ask for")
def test_a_system_that_grants_no_larger_pipe_costs_no_film(monkeypatch, tmp_path):
    import fcntl

    asked = []

    def refuse(pipe, command, size):
        asked.append(command)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    path = tmp_path / "film.npy"
    np.save(path, np.arange(64 * 64).reshape(64, 64).astype(np.uint8))
    film = DecodingWorker().decode(path.read_bytes(), "film.npy")
    assert asked == [fcntl.F_SETPIPE_SZ] * 2 and film.pixels.shape == (64, 64)
