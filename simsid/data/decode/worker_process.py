"""The other side of ``simsid.data.decode.worker``: imports everything, locks itself in, decodes."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from typing import BinaryIO

import numpy as np
import tifffile
from PIL import Image

from simsid.data.decode.blocks import receive, send
from simsid.data.decode.quiet import quiet_decoders
from simsid.data.decode.seccomp import allow_decoding_only
from simsid.data.images import MAX_BYTES, decode_film
from simsid.errors import ImageError

try:
    import resource
except ImportError:  # Windows: the parent's clock is all there is
    resource = None  # type: ignore[assignment]

_UNKNOWN_SPACE = 2 * 2**30
_NOBODY = 65534
_WARM_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")


def serve() -> None:
    """Answer requests on standard input until it closes; ``sys.argv``: MiB of memory, seconds."""
    memory_mib, seconds = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    requests, replies = sys.stdin.buffer, _take_over_stdout()
    _warm_up()
    _lock_in(memory_mib)
    send(replies, {"ready": True})
    with quiet_decoders():  # once for all films
        while True:
            try:
                head, data = receive(requests, MAX_BYTES)
            except EOFError:
                return
            _renew_time(seconds)
            _answer(replies, bytes(data), head["name"], head["max_pixels"])


def _answer(replies: BinaryIO, data: bytes, name: str, max_pixels: int) -> None:
    try:
        film = decode_film(data, name, max_pixels)
    except ImageError as error:
        send(replies, {"code": error.code, "message": str(error)})
        return
    head = {
        "shape": film.pixels.shape,
        "format": film.format,
        "bits": film.bits,
        "photometric": film.photometric,
        "warnings": film.warnings,
    }
    send(replies, head, film.pixels.data.cast("B"))


def _take_over_stdout() -> BinaryIO:
    """The pipe to the parent for us alone: what a codec prints goes nowhere."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return replies


def _warm_up() -> None:
    """Whatever a decoder imports only when it is needed must be there before files are barred."""
    Image.init()
    noise = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    for kind in _WARM_FORMATS:
        file = io.BytesIO()
        Image.fromarray(noise).save(file, kind)
        decode_film(file.getvalue(), kind)
    for array, photometric in ((noise / np.float32(255), "minisblack"), ([noise] * 3, "rgb")):
        file = io.BytesIO()
        values = np.stack(array, -1).astype(np.uint16) if photometric == "rgb" else array
        tifffile.imwrite(
            file,
            values,
            photometric=photometric,
            compression="zlib",
            predictor=photometric == "rgb",
        )
        decode_film(file.getvalue(), "TIFF")
    file = io.BytesIO()
    np.save(file, noise)
    decode_film(file.getvalue(), "NPY")


def _lock_in(memory_mib: int) -> None:
    """From here on: no file, no socket, no process, and so much memory more.

    Limits first, which root escapes; so root becomes nobody; then the kernel's filter of calls,
    which binds everybody and is absent from some systems.
    """
    if resource is None:
        return
    space = _address_space() + memory_mib * 2**20
    _drop_privileges()
    limits = {"RLIMIT_AS": space, "RLIMIT_NOFILE": 0, "RLIMIT_NPROC": 0, "RLIMIT_FSIZE": 0}
    for name, value in (limits | {"RLIMIT_CORE": 0}).items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):  # not every system has every limit
            continue
    allow_decoding_only()


def _drop_privileges() -> None:
    """Root becomes nobody, where there is a nobody: some containers know no other user."""
    if os.geteuid() != 0:
        return
    try:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    except OSError:
        return


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return _UNKNOWN_SPACE


def _renew_time(seconds: int) -> None:
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        end = int(time.process_time()) + 1 + seconds
        if hard != resource.RLIM_INFINITY:  # that is -1 on some systems
            end = min(end, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (end, hard))
