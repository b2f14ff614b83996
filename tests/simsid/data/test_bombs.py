"""Small files that ask for a lot: refused within 2 s and 200 MB."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.simsid.data.make_files import (
    DEFLATED,
    J2K,
    JPEG,
    RLE,
    chunk,
    dicom,
    dicom_set,
    film16,
    framed,
    picture,
    png,
    tiff,
    write,
    zeros,
)

GREY = (film16() >> 8).astype(np.uint8)
SECONDS, MEGABYTES = 2.0, 200
MEASURE = """if True:
    import json, os, re, sys, time
    from pathlib import Path
    from simsid.data.images import read_film
    from simsid.data.decode.worker import DecodingWorker
    from simsid.errors import ImageError

    def timed(read):
        start, cpu = time.perf_counter(), time.process_time()
        try:
            read()
            code = "ok"
        except ImageError as error:
            code = error.code
        return code, time.process_time() - cpu, time.perf_counter() - start

    def peak(pid):  # getrusage would tell the peak of whoever started the process, too
        status = Path("/proc", str(pid), "status").read_text()
        return int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) / 1024

    found = {}
    with DecodingWorker() as worker:
        worker.decode(Path(sys.argv[1], "film.png").read_bytes(), "film")
        for path in sorted(Path(sys.argv[1]).glob("*.bomb")):
            here = timed(lambda: read_film(path))
            there = timed(lambda: worker.decode(path.read_bytes(), path.name))
            found[path.stem] = [*here, *there]
        found["peaks"] = [peak(os.getpid()), peak(worker._process.pid)]
    print(json.dumps(found))
"""


def deflated(before: bytes) -> bytes:
    """A deflated DICOM whose data set starts with ``before`` and goes on with 1.1 GB of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    whole = dicom(GREY, DEFLATED)
    meta = whole[: 132 + 12 + struct.unpack_from("<I", whole, 140)[0]]
    return meta + start + zeros(1120, raw=True)


def element(tag: int, kind: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + kind
    return head + struct.pack(*(("<H", size) if kind == b"US" else ("<HI", 0, size))) + value


def image_elements(rows: int, columns: int) -> bytes:
    numbers = {0x280002: 1, 0x280010: rows, 0x280011: columns, 0x280100: 8, 0x280101: 8}
    parts = [element(tag, b"US", struct.pack("<H", value)) for tag, value in numbers.items()]
    parts.insert(1, element(0x280004, b"UN", b"MONOCHROME2 "))
    return b"".join(parts)


def huge_j2k(tiles: int) -> bytes:
    stream = bytearray(picture(GREY, "JPEG2000", no_jp2=True))
    struct.pack_into(">II", stream, 8, 60_000, 60_000)
    struct.pack_into(">II", stream, 24, *[60_000 // tiles] * 2)
    return bytes(stream)


def huge_jpeg() -> bytes:
    return picture(GREY, "JPEG").replace(struct.pack(">HH", 48, 64), b"\xff\xdc\xff\xdc")


def tiff_bomb() -> bytes:
    """One strip that inflates to 1 GB in a small colour film."""
    good = tiff(np.dstack([film16()] * 3), photometric="rgb", compression="zlib")
    packed = zeros(1120)
    with Image.open(io.BytesIO(good)) as image:
        start, count = image.tag_v2[273][0], image.tag_v2[279][0]
    moved = good.replace(struct.pack("<I", start), struct.pack("<I", len(good)))
    return moved.replace(struct.pack("<I", count), struct.pack("<I", len(packed))) + packed


def nested(kind: bytes, levels: int) -> bytes:
    undefined = 0xFFFFFFFF
    item = element(0x00081115, kind, b"", undefined) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, undefined
    )
    return item * levels


BOMBS = {
    "png of 13k": ("too_large", lambda: png(13_000, 13_000, 8, 0, zeros(176))),
    "png of 13k in 16-bit colour": ("too_large", lambda: png(13_000, 13_000, 16, 2, zeros(1120))),
    "png with texts": ("ok", lambda: png(
        64, 48, 8, 0, zlib.compress(np.pad(GREY, ((0, 0), (1, 0))).tobytes()),
        chunk(b"zTXt", b"k\0\0" + zeros(1120)), chunk(b"iCCP", b"k\0\0" + zeros(1120)),
        chunk(b"iTXt", b"k\0\1\0\0\0" + zeros(1120)))),
    "png whose data go on": ("constant", lambda: png(64, 48, 8, 0, zeros(1120))),
    "webp of 16k": ("too_large", lambda: b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0"
                    + b"\xff\x3f\0" * 2 + picture(GREY, "WEBP")[12:]),
    "gif of 65k": ("too_large", lambda: b"GIF89a\xff\xff\xff\xff" + picture(GREY, "GIF")[10:]),
    "jpeg of 65k": ("too_large", huge_jpeg),
    "bmp of 2 Gpx": ("too_large", lambda: picture(GREY, "BMP")[:18] + struct.pack(
        "<ii", 46_000, 46_000) + picture(GREY, "BMP")[26:]),
    "tiff strip": ("too_large", tiff_bomb),
    "dicom deflated, size told": ("too_large", lambda: deflated(
        image_elements(33_000, 33_000) + element(0x7FE00010, b"OB", b"", 33_000**2))),
    "dicom deflated, size not told": ("too_large", lambda: deflated(
        image_elements(48, 64) + element(0x7FE00010, b"OB", b"", 48 * 64))),
    "dicom deflated, header without end": ("no_pixel_data", lambda: deflated(
        element(0x00091001, b"UN", b"", 2**31))),
    "dicom deflated, nested": ("truncated", lambda: write(dicom_set(GREY))[:132] + b"".join((
        element(0x00020010, b"UN", DEFLATED.encode()), zlib.compress(
            nested(b"SQ", 170_000) + bytes(8), wbits=-15)))),
    "dicom nested": ("truncated", lambda: write(dicom_set(GREY)) [:300] + nested(b"UN", 200_000)),
    "dicom JPEG 2000": ("inconsistent", lambda: framed(dicom_set(GREY), J2K, huge_j2k(1))),
    "dicom JPEG 2000 of many tiles": ("truncated", lambda: framed(
        dicom_set(GREY), J2K, huge_j2k(60_000))),
    "dicom JPEG": ("inconsistent", lambda: framed(dicom_set(GREY), JPEG, huge_jpeg())),
    "dicom RLE": ("inconsistent", lambda: framed(dicom_set(GREY), RLE, struct.pack(
        "<16I", 1, 64, *[0] * 14) + b"\x81\x07" * 5_000_000)),
}  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's memory peaks")
def test_bombs_are_refused_within_two_seconds_and_200_megabytes(tmp_path, record_property):
    (tmp_path / "film.png").write_bytes(picture(GREY))
    for name, (_, build) in BOMBS.items():
        (tmp_path / f"{name}.bomb").write_bytes(build())
    command = [sys.executable, "-c", MEASURE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    found = json.loads(done.stdout)
    record_property("bombs", done.stdout)
    peaks = found.pop("peaks")
    for name, (code, cpu, _, code_there, _, _) in found.items():
        assert (code, code_there) == (BOMBS[name][0],) * 2, name
        assert cpu < SECONDS, name  # a busy machine does not count
    assert len(found) == len(BOMBS)
    assert max(peaks) < MEGABYTES, peaks
