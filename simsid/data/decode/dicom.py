"""DICOM films: one frame in, grey out; the header is stepped over, not kept.

Order: rescale, then VOI table or window, then MONOCHROME1 is turned round (pydicom does not).
"""

from __future__ import annotations

import zlib

import numpy as np
from jaxtyping import Shaped
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from simsid.data.decode import dicom_header as tags
from simsid.data.decode.codestream import bare_codestream, frame_size, rle_stays_within
from simsid.data.decode.decoded import DecodedFilm, damaged
from simsid.data.decode.dicom_header import (
    CutShortError,
    Encoding,
    Header,
    read_header,
    transfer_syntax,
)
from simsid.data.decode.dicom_layout import Layout, read_layout
from simsid.data.decode.grey import blend_channels, scale_down
from simsid.data.decode.grey_table import make_grey_table
from simsid.errors import ImageError

BURNED_IN_ANNOTATION = "burned_in_annotation"
_DEFLATED, _RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
_J2K_PACKAGES = "pylibjpeg-openjpeg (with pylibjpeg)"
_CODECS = {  # transfer syntax: (its name, pydicom's plugins in order, what to install)
    "1.2.840.10008.1.2.4.50": ("JPEG Baseline", ("pillow",), "pillow"),
    "1.2.840.10008.1.2.4.51": ("JPEG Extended", ("pillow",), "pillow"),
    "1.2.840.10008.1.2.4.57": ("JPEG Lossless", ("gdcm",), "python-gdcm"),
    "1.2.840.10008.1.2.4.70": ("JPEG Lossless", ("gdcm",), "python-gdcm"),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS", ("gdcm",), "python-gdcm"),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS", ("gdcm",), "python-gdcm"),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000", ("pylibjpeg", "gdcm"), _J2K_PACKAGES),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", ("pylibjpeg", "gdcm"), _J2K_PACKAGES),
    "1.2.840.10008.1.2.4.201": ("HTJ2K", ("pylibjpeg",), _J2K_PACKAGES),
    "1.2.840.10008.1.2.4.202": ("HTJ2K", ("pylibjpeg",), _J2K_PACKAGES),
    "1.2.840.10008.1.2.4.203": ("HTJ2K", ("pylibjpeg",), _J2K_PACKAGES),
    _RLE: ("RLE", ("pydicom",), "pydicom"),
}
_NATIVE = {  # transfer syntax: its encoding
    "1.2.840.10008.1.2": Encoding(implicit=True, little=True),
    "1.2.840.10008.1.2.1": Encoding(implicit=False, little=True),
    "1.2.840.10008.1.2.2": Encoding(implicit=False, little=False),
    _DEFLATED: Encoding(implicit=False, little=True),
}
_PADDING = 1024  # bytes that writers leave after the pixels
_HEAD, _SLACK = 4 * 2**20, 4 * 2**20  # bytes of header, and of what follows the pixels


def decode_dicom(data: bytes, name: str, max_pixels: int) -> DecodedFilm:
    """A single-frame film of 8 or 16 bits; the first VOI table or window is applied.

    Without either, the full range of the stored bits becomes 0 to 1. Colour becomes luminance.
    Nothing of the header is returned but the photometric interpretation, if it is a known one,
    and the warning 'burned_in_annotation' where the header does not deny one.

    Args:
        data: the whole file, with preamble.

    Raises:
        ImageError: with ``code`` truncated, inconsistent, multi_frame, no_pixel_data,
            missing_codec, unsupported, too_small, too_large or aspect_ratio.
    """
    try:
        uid, start = transfer_syntax(data)
        if uid not in _NATIVE and uid not in _CODECS:
            raise ImageError("unsupported", f"{name} has a DICOM encoding that is not supported")
        encoding = _NATIVE.get(uid, Encoding(implicit=False, little=True))
        if uid == _DEFLATED:
            data, start = _inflate(data[start:], encoding, name, max_pixels), 0
        header = read_header(data, start, encoding)
    except CutShortError:
        raise damaged(name) from None
    layout = read_layout(header, name, max_pixels)
    if uid in _CODECS:
        stored = _decode_compressed(header, layout, uid, name)
    else:
        stored = _decode_native(header, layout, uid, name)
    warnings = () if header.word(tags.BURNED_IN_ANNOTATION) == "NO" else (BURNED_IN_ANNOTATION,)
    if layout.samples > 1:
        pixels = blend_channels(scale_down(stored, layout.stored))
        return DecodedFilm(pixels, "DICOM", layout.stored, "rgb", warnings)
    grey, more = make_grey_table(header, layout.stored, layout.signed)
    if layout.photometric == "MONOCHROME1":
        grey = 1 - grey
    if layout.signed:
        stored = stored.astype(np.int32) + 2 ** (layout.stored - 1)
    pixels = grey.astype(np.float32).take(stored, mode="clip")
    return DecodedFilm(pixels, "DICOM", layout.stored, layout.photometric, warnings + more)


def _inflate(packed: bytes, encoding: Encoding, name: str, max_pixels: int) -> bytes:
    """A deflated data set, inflated no further than its own header accounts for."""
    inflator = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        head = inflator.decompress(packed, _HEAD)
        if inflator.eof or len(head) < _HEAD:
            return head
        layout = read_layout(_first_elements(head, encoding), name, max_pixels)
        rest = inflator.decompress(inflator.unconsumed_tail, layout.length + _SLACK)
    except zlib.error:
        raise damaged(name) from None
    if inflator.unconsumed_tail and not inflator.eof:  # a byte of padding may follow the end
        raise ImageError("too_large", f"{name} inflates to more than its header accounts for")
    return head + rest


def _first_elements(head: bytes, encoding: Encoding) -> Header:
    try:
        return read_header(head, 0, encoding)
    except CutShortError:  # the header alone is longer than any film's
        return Header(head, encoding, {}, frozenset())


def _decode_native(header: Header, layout: Layout, uid: str, name: str) -> Shaped[np.ndarray, ...]:
    if tags.PIXEL_DATA in header.undefined:
        raise ImageError(
            "inconsistent", f"{name} is compressed, but its header says that it is not"
        )
    start, end = header.found[tags.PIXEL_DATA]
    if layout.photometric == "YBR_FULL_422":
        raise ImageError("unsupported", f"{name} has subsampled colour")
    if end - start < layout.length:
        raise damaged(name)
    if end - start >= layout.length + max(layout.length // layout.rows, _PADDING):
        raise ImageError("inconsistent", f"{name} holds more pixels than its header says")
    padded = (
        layout.length + layout.length % 2
    )  # in words, the last pixel may come after the padding
    return _run_decoder(header.data[start : start + padded], layout, uid, "", name)


def _decode_compressed(
    header: Header, layout: Layout, uid: str, name: str
) -> Shaped[np.ndarray, ...]:
    codec, plugins, package = _CODECS[uid]
    available = get_decoder(UID(uid)).available_plugins
    plugin = next((plugin for plugin in plugins if plugin in available), None)
    if plugin is None:
        raise ImageError("missing_codec", f"{name} is {codec}, which needs the package {package}")
    if tags.PIXEL_DATA not in header.undefined:
        raise ImageError("inconsistent", f"{name} is not {codec}, as its header says")
    frame = bare_codestream(_only_frame(header, name))
    if uid == _RLE:
        if not rle_stays_within(frame, 2 * layout.length + _PADDING):
            raise ImageError("inconsistent", f"{name} holds more pixels than its header says")
    else:
        size = frame_size(frame)
        if size is None:
            raise damaged(name)
        if (size.height, size.width, size.samples) != (
            layout.rows,
            layout.columns,
            layout.samples,
        ) or size.bits > layout.allocated:
            raise ImageError(
                "inconsistent", f"{name} holds an image of another size than its header says"
            )
        if codec == "JPEG Extended" and size.bits > 8:
            raise ImageError("unsupported", f"{name} is JPEG Extended with 12 bits")
    return _run_decoder(encapsulate([frame], has_bot=False), layout, uid, plugin, name)


def _only_frame(header: Header, name: str) -> bytes:
    """The fragments of compressed pixels after the table of offsets, joined; PS3.5, A.4."""
    start, end = header.found[tags.PIXEL_DATA]
    data, parts = header.data, []
    while start + 8 <= end and data[start : start + 4] == b"\xfe\xff\x00\xe0":
        length = int.from_bytes(data[start + 4 : start + 8], "little")
        if start + 8 + length > end:
            raise damaged(name)
        parts.append(data[start + 8 : start + 8 + length])
        start += 8 + length
    if len(parts) < 2 or not any(parts[1:]):
        raise damaged(name)
    if len(parts[0]) > 4:
        raise ImageError("multi_frame", f"{name} has several frames; give a single film")
    return b"".join(parts[1:])


def _run_decoder(
    pixels: bytes, layout: Layout, uid: str, plugin: str, name: str
) -> Shaped[np.ndarray, ...]:
    """pydicom's decoder on the pixels alone; its messages may quote the file and are dropped."""
    try:
        array, _ = get_decoder(UID(uid)).as_array(
            pixels,
            decoding_plugin=plugin,
            rows=layout.rows,
            columns=layout.columns,
            samples_per_pixel=layout.samples,
            bits_allocated=layout.allocated,
            bits_stored=layout.stored,
            pixel_representation=int(layout.signed),
            photometric_interpretation=layout.photometric,
            planar_configuration=layout.planar & 1,
            number_of_frames=1,
            pixel_keyword="PixelData",
            pixel_vr="OW" if layout.allocated > 8 or layout.words else "OB",
            allow_excess_frames=False,
        )
    except MemoryError:
        raise
    except Exception:
        raise damaged(name) from None
    if array.shape[:2] != (layout.rows, layout.columns):
        raise damaged(name)
    return array
