"""Films in every format, built in memory: good ones, and parts to spoil them with."""

from __future__ import annotations

import copy
import functools
import io
import struct
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import gdcm
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
JPEG, JPEG_EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
LOSSLESS, JPEG_LS = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"
J2K, J2K_LOSSY, RLE = (
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",
)
NATIVE = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED)
EXACT = (*NATIVE, LOSSLESS, JPEG_LS, J2K, RLE)
SECRET = "SECRET^PATIENT"  # never to be seen again
DATA = Path(__file__).parents[4] / "shared/data"


def film16(height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth film with noise, 16 bits deep, from black to nearly white."""
    rows, cols = np.mgrid[0:height, 0:width] / max(height, width)
    noise = np.random.default_rng(0).integers(0, 800, (height, width))
    return (60_000 * (0.5 + 0.5 * np.sin(5 * rows + 7 * cols)) + noise).astype(np.uint16)


def picture(array: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    """Encoded by Pillow."""
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@functools.cache
def _zero_block() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)


def zeros(megabytes: int, raw: bool = False) -> bytes:
    """Many zero bytes, deflated; quickly, as a block that is repeated."""
    body = _zero_block() * (megabytes // 16) + b"\x03\x00"
    return body if raw else b"\x78\xda" + body + bytes(4)


def tiff(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def npy(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, depth: int, colour: int, packed: bytes, *extras: bytes) -> bytes:
    """A PNG file of given parts; ``extras`` are chunks before the data."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extras) + body


def deep_png(array: np.ndarray, *extras: bytes) -> bytes:
    """A 16-bit PNG of (height, width) or (height, width, 2 to 4), each line with filter Up."""
    height, width = array.shape[:2]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[1 if array.ndim == 2 else array.shape[2]]
    raw = np.ascontiguousarray(array.reshape(height, -1).astype(">u2")).view(np.uint8)
    lines = np.diff(raw, axis=0, prepend=np.zeros((1, raw.shape[1]), np.uint8))
    filtered = np.hstack([np.full((height, 1), 2, np.uint8), lines])
    return png(width, height, 16, colour, zlib.compress(filtered.tobytes()), *extras)


def dicom_set(
    pixels: np.ndarray, photometric: str = "MONOCHROME2", stored: int | None = None, **elements
) -> Dataset:
    """A film of 8 or 16 bits, signed where ``pixels`` is; further elements by keyword."""
    ds = Dataset()
    ds.PatientName, ds.PatientID = SECRET, SECRET
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated = pixels.dtype.itemsize * 8
    ds.BitsStored = stored or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.BurnedInAnnotation = "NO"
    if pixels.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def write(ds: Dataset, syntax: str = EXPLICIT) -> bytes:
    """A DICOM file; pixels must already be in the transfer syntax, but for byte order."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    if syntax == BIG_ENDIAN and ds.get("BitsAllocated") == 16:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    file = io.BytesIO()
    pydicom.dcmwrite(
        file,
        ds,
        enforce_file_format=True,
        implicit_vr=syntax == IMPLICIT,
        little_endian=syntax != BIG_ENDIAN,
    )
    return file.getvalue()


def dicom(pixels: np.ndarray, syntax: str = EXPLICIT, **options) -> bytes:
    """A DICOM file in a transfer syntax, compressed if that takes it."""
    ds = dicom_set(pixels, **options)
    if syntax in NATIVE:
        return write(ds, syntax)
    if syntax == JPEG:
        return framed(ds, JPEG, picture(pixels, "JPEG", quality=95))
    if syntax in (LOSSLESS, JPEG_LS):
        return framed(ds, syntax, _gdcm_frame(ds, syntax))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = EXPLICIT
    more = {"j2k_cr": [2]} if syntax == J2K_LOSSY else {}
    ds.compress(syntax, generate_instance_uid=False, **more)
    return write(ds, syntax)


def framed(ds: Dataset, syntax: str, *frames: bytes, has_bot: bool = False) -> bytes:
    """A DICOM file around encoded frames."""
    ds.PixelData = encapsulate(list(frames), has_bot=has_bot)
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    return write(ds, syntax)


def _gdcm_frame(ds: Dataset, syntax: str) -> bytes:
    """pydicom writes neither JPEG Lossless nor JPEG-LS without further packages; GDCM does."""
    with TemporaryDirectory() as folder:
        plain, packed = str(Path(folder, "plain.dcm")), str(Path(folder, "packed.dcm"))
        Path(plain).write_bytes(write(copy.deepcopy(ds)))
        reader, change, writer = (
            gdcm.ImageReader(),
            gdcm.ImageChangeTransferSyntax(),
            gdcm.ImageWriter(),
        )
        reader.SetFileName(plain)
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(packed)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return next(generate_frames(pydicom.dcmread(packed).PixelData, number_of_frames=1))
