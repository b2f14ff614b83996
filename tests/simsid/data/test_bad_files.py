"""A file for each way to be bad, with the code that its refusal must have."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from simsid.data.images import read_image
from simsid.errors import ImageError
from tests.simsid.data.make_files import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    J2K,
    JPEG,
    JPEG_EXTENDED,
    JPEG_LS,
    LOSSLESS,
    RLE,
    SECRET,
    chunk,
    deep_png,
    dicom,
    dicom_set,
    film16,
    framed,
    npy,
    picture,
    png,
    tiff,
    write,
)

FILM = film16()
GREY = (FILM >> 8).astype(np.uint8)
FLAT = np.full((40, 40), 7, np.uint8)
LOUD = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)


def cut(data: bytes, share: float = 0.6) -> bytes:
    return data[: int(len(data) * share)]


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1, data.count(old)
    return data.replace(old, new)


def film_set(pixels: np.ndarray = FILM, **changes: object) -> bytes:
    """A DICOM with elements changed after the pixels are in; None deletes one."""
    ds = dicom_set(pixels)
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return write(ds)


def pages(kind: str, count: int = 2, **options) -> bytes:
    frames = [Image.fromarray(np.roll(GREY, 9 * n, axis=1)) for n in range(count)]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], **options)
    return file.getvalue()


def with_nan(dtype: type) -> np.ndarray:
    film = (FILM / 65535).astype(dtype)
    film[3, 3] = np.nan
    return film


def claims(data: bytes, height: int, width: int) -> bytes:
    """The PNG file with another size in its header."""
    header = chunk(b"IHDR", struct.pack(">II", width, height) + data[24:29])
    return data[:8] + header + data[33:]


JPEG_FRAME = picture(GREY, "JPEG")
BAD: dict[str, tuple[str, bytes]] = {
    "nothing": ("empty", b""),
    "one byte": ("not_an_image", b"\0"),
    "text": ("not_an_image", b"this is no picture"),
    "html": ("not_an_image", b"<!doctype html><html><img src=x.png></html>"),
    "svg": ("not_an_image", b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>'),
    "pdf": ("not_an_image", b"%PDF-1.7\n%abc\n"),
    "zip": ("not_an_image", b"PK\3\4" + bytes(100)),
    "numpy archive": ("not_an_image", b"PK\3\4" + npy(FILM)),
    "pickle": ("not_an_image", pickle.dumps(GREY)),
    "PostScript": ("not_an_image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n"),
    "netpbm": ("not_an_image", b"P5 64 48 255\n" + GREY.tobytes()),
    "zeros": ("not_an_image", bytes(5000)),
    "noise": ("not_an_image", np.random.default_rng(1).bytes(5000)),
    "png signature alone": ("truncated", picture(GREY)[:8]),
    "png cut in its header": ("truncated", picture(GREY)[:20]),
    "png cut in its data": ("truncated", cut(picture(LOUD))),
    "png without its last chunk": ("truncated", picture(GREY)[:-12]),
    "png with another first chunk": ("truncated", picture(GREY)[:8] + chunk(b"IDAT", b"x")),
    "png with two headers": ("truncated", picture(GREY)[:33] + picture(GREY)[8:]),
    "png with a wrong checksum": ("truncated", picture(GREY)[:29] + b"abcd" + picture(GREY)[33:]),
    "png with another last byte": ("truncated", picture(GREY)[:-23] + b"?" + picture(GREY)[-22:]),
    "png without data": ("truncated", picture(GREY)[:33] + chunk(b"IEND", b"")),
    "png of 16-bit colour cut": ("truncated", cut(deep_png(np.dstack([FILM] * 3)))),
    "png of a depth that is none": ("truncated", png(64, 48, 3, 0, zlib.compress(bytes(9999)))),
    "png that claims more lines": ("truncated", claims(picture(LOUD), 100, 64)),
    "png of 5 Gpx": ("too_large", claims(picture(GREY), 70_000, 70_000)),
    "png of 31 lines": ("too_small", picture(GREY[:31])),
    "png of no width": ("too_small", claims(picture(GREY), 48, 0)),
    "png one pixel": ("too_small", picture(GREY[:1, :1])),
    "png four times as wide": ("aspect_ratio", picture(np.tile(GREY[:32], (1, 2)))),
    "png as a column": ("aspect_ratio", picture(np.tile(GREY[:, :32], (3, 1)))),
    "png of one grey": ("constant", picture(FLAT)),
    "png that is all transparent": ("constant", picture(np.dstack([GREY, GREY * 0]))),
    "png animated": ("animated", pages("PNG")),
    "jpeg cut in its header": ("truncated", JPEG_FRAME[:100]),
    "jpeg cut in its data": ("truncated", cut(picture(LOUD, "JPEG", quality=95))),
    "jpeg start alone": ("truncated", b"\xff\xd8\xff"),
    "jpeg of one grey": ("constant", picture(FLAT, "JPEG")),
    "jpeg of 20 lines": ("too_small", picture(GREY[:20], "JPEG")),
    "webp cut": ("truncated", cut(picture(LOUD, "WEBP"))),
    "webp animated": ("animated", pages("WEBP")),
    "webp header alone": ("truncated", picture(GREY, "WEBP")[:20]),
    "gif animated": ("animated", pages("GIF")),
    "gif cut": ("truncated", cut(picture(LOUD, "GIF"))),
    "bmp cut": ("truncated", cut(picture(GREY, "BMP"))),
    "bmp of 10^9 lines": ("too_large", picture(GREY, "BMP")[:22] + struct.pack("<i", 10**9)
                          + picture(GREY, "BMP")[26:]),
    "tiff header alone": ("truncated", b"II*\0\x08\0\0\0"),
    "tiff cut": ("truncated", cut(tiff(GREY))),
    "tiff of colour cut": ("truncated", cut(tiff(np.dstack([FILM] * 3), photometric="rgb"))),
    "tiff of two pages": ("animated", pages("TIFF")),
    "tiff of 32-bit numbers": ("unsupported", tiff(FILM.astype(np.uint32))),
    "tiff of six channels": ("unsupported", tiff(np.dstack([FILM] * 6), planarconfig="contig")),
    "tiff of signed bytes": ("unsupported", tiff(GREY.astype(np.int8))),
    "tiff of 16-bit CMYK": ("unsupported", tiff(np.dstack([FILM] * 4), photometric="separated")),
    "tiff of a 16-bit palette": ("unsupported", tiff(
        FILM, photometric="palette", colormap=np.zeros((3, 65_536), np.uint16))),
    "tiff with NaN": ("not_finite", tiff(with_nan(np.float32))),
    "tiff with infinity": ("not_finite", tiff(np.where(GREY > 99, np.inf, 0.5).astype("f4"))),
    "tiff beyond 1": ("out_of_range", tiff((FILM / 65535).astype(np.float32) * 3)),
    "tiff below 0": ("out_of_range", tiff((FILM / 65535).astype(np.float32) - 0.5)),
    "tiff of 8 lines": ("too_small", tiff(FILM[:8])),
    "numpy cut": ("truncated", cut(npy(FILM))),
    "numpy cut in its header": ("truncated", npy(FILM)[:30]),
    "numpy with more data": ("inconsistent", npy(FILM) + bytes(99)),
    "numpy objects": ("unsupported", npy(np.full((40, 40), None), allow_pickle=True)),
    "numpy of three axes": ("unsupported", npy(np.dstack([FILM] * 3))),
    "numpy of complex numbers": ("unsupported", npy(FILM.astype(complex))),
    "numpy of signed numbers": ("unsupported", npy(FILM.astype(np.int32))),
    "numpy with NaN": ("not_finite", npy(with_nan(np.float64))),
    "numpy beyond 1": ("out_of_range", npy(FILM.astype(np.float32))),
    "numpy of 10^10 px": ("too_large", changed(npy(FILM), b"(48, 64), }      ", b"(99999, 99999), }")),
    "numpy of negative size": ("too_small", changed(npy(FILM), b"(48, 64)", b"(-8, 64)")),
    "numpy with code in its header": ("truncated", changed(npy(FILM), b"(48, 64)", b"exit(64)")),
    "numpy of one grey": ("constant", npy(FLAT)),
    "dicom mark alone": ("unsupported", bytes(128) + b"DICM"),
    "dicom cut in its first group": ("truncated", dicom(FILM)[:150]),
    "dicom cut in its header": ("truncated", dicom(FILM)[: dicom(FILM).index(b"\xe0\x7f\x10\0") - 1]),
    "dicom cut in its pixels": ("truncated", cut(dicom(FILM))),
    "dicom cut, implicit": ("truncated", cut(dicom(FILM, IMPLICIT))),
    "dicom cut, big endian": ("truncated", cut(dicom(FILM, BIG_ENDIAN))),
    "dicom cut, deflated": ("truncated", cut(dicom(LOUD, DEFLATED))),
    "dicom cut, JPEG": ("truncated", cut(dicom(LOUD, JPEG))),
    "dicom cut, JPEG Lossless": ("truncated", cut(dicom(FILM, LOSSLESS))),
    "dicom cut, JPEG-LS": ("truncated", cut(dicom(FILM, JPEG_LS))),
    "dicom cut, JPEG 2000": ("truncated", cut(dicom(FILM, J2K))),
    "dicom cut, RLE": ("truncated", cut(dicom(FILM, RLE))),
    "dicom frame cut, JPEG 2000": ("truncated", framed(dicom_set(GREY), J2K, bytes(64))),
    "dicom of two frames": ("multi_frame", film_set(NumberOfFrames=2)),
    "dicom of two JPEG frames": ("multi_frame", framed(
        dicom_set(GREY), JPEG, JPEG_FRAME, JPEG_FRAME, has_bot=True)),
    "dicom without pixels": ("no_pixel_data", film_set(PixelData=None)),
    "dicom with empty pixels": ("no_pixel_data", film_set(PixelData=b"")),
    "dicom without rows": ("no_pixel_data", film_set(Rows=None)),
    "dicom of floating point": ("unsupported", film_set(PixelData=None, FloatPixelData=bytes(16))),
    "dicom of 32 bits": ("unsupported", film_set(FILM.astype(np.uint32))),
    "dicom of a palette": ("unsupported", film_set(PhotometricInterpretation="PALETTE COLOR")),
    "dicom of pixels in its upper bits": ("unsupported", film_set(BitsStored=12, HighBit=15)),
    "dicom of no photometric": ("unsupported", film_set(PhotometricInterpretation=None)),
    "dicom of more bits than there are": ("unsupported", film_set(BitsStored=17)),
    "dicom with video": ("unsupported", framed(dicom_set(GREY), "1.2.840.10008.1.2.4.100", b"abcd")),
    "dicom of a syntax that is none": ("unsupported", write(dicom_set(GREY), "1.2.3.4")),
    "dicom with more rows than pixels": ("truncated", film_set(Rows=49)),
    "dicom with fewer columns than pixels": ("inconsistent", film_set(Columns=40)),
    "dicom with wider pixels than stored": ("truncated", film_set(GREY, BitsAllocated=16)),
    "dicom with a JPEG of another size": ("inconsistent", framed(dicom_set(LOUD), JPEG, JPEG_FRAME)),
    "dicom with a JPEG 2000 of another size": ("inconsistent", framed(
        dicom_set(LOUD), J2K, picture(GREY, "JPEG2000", no_jp2=True))),
    "dicom with a colour JPEG as grey": ("inconsistent", framed(
        dicom_set(GREY), JPEG, picture(np.dstack([GREY] * 3), "JPEG"))),
    "dicom with text as JPEG": ("truncated", framed(dicom_set(GREY), JPEG, b"no picture at all")),
    "dicom that says RLE and is not": ("inconsistent", changed(
        dicom(GREY), EXPLICIT.encode() + b"\0", RLE.encode() + b"\0")),
    "dicom that says plain and is RLE": ("inconsistent", changed(
        dicom(GREY, RLE), RLE.encode() + b"\0", EXPLICIT.encode() + b"\0")),
    "dicom of 12-bit colour JPEG": ("unsupported", framed(
        dicom_set(np.dstack([FILM >> 4] * 3), "RGB", 12), JPEG_EXTENDED, changed(
            picture(np.dstack([GREY] * 3), "JPEG"), b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"))),
    "dicom with RLE that grows": ("inconsistent", framed(dicom_set(GREY), RLE, struct.pack(
        "<16I", 1, 64, *[0] * 14) + b"\x81\x07" * 90_000)),
    "dicom of 5 Gpx": ("too_large", film_set(Rows=65_535, Columns=65_535)),
    "dicom of 16 rows": ("too_small", film_set(FILM[:16])),
    "dicom of no rows": ("too_small", film_set(Rows=0)),
    "dicom five times as high": ("aspect_ratio", film_set(np.tile(FILM, (5, 1)))),
    "dicom of one grey": ("constant", film_set(FLAT)),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_with_its_code_and_one_plain_line(kind, tmp_path):
    code, data = BAD[kind]
    path = tmp_path / "film.bin"
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert caught.value.code == code, message
    assert message.startswith("film.bin")
    assert "\n" not in message
    assert str(tmp_path) not in message
    assert SECRET not in message


def test_there_are_many_bad_files_and_their_codes_have_messages_of_their_own():
    assert len(BAD) >= 60
    codes = {code for code, _ in BAD.values()}
    assert len(codes) >= 13, codes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_a_device_is_no_image_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path):
        with pytest.raises(ImageError) as caught:
            read_image(path)
        assert caught.value.code == "not_an_image"


def test_a_name_that_no_file_can_have_is_unreadable():
    with pytest.raises(ImageError) as caught:
        read_image("a\0b.png")
    assert caught.value.code == "unreadable"
