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
from simsid.data.decode.codestream import (
    FrameSize,
    bare_codestream,
    frame_size,
    guess_syntax,
    has_end,
    rle_stays_within,
)
from simsid.data.decode.decoded import DecodedFilm, damaged
from simsid.data.decode.dicom_header import (
    CutShortError,
    Encoding,
    Header,
    read_header,
)
from simsid.data.decode.dicom_layout import Layout, read_layout
from simsid.data.decode.dicom_sniff import DEFLATED, NATIVE, find_data_set
from simsid.data.decode.grey import blend_channels, scale_down
from simsid.data.decode.grey_table import make_grey_table
from simsid.data.decode.jpeg12 import JPEG12_BITS, can_decode_jpeg12, decode_jpeg12
from simsid.data.decode.notes import (
    BURNED_IN_ANNOTATION,
    INVERSE_PRESENTATION,
    SHORTER_THAN_STATED,
)
from simsid.data.decode.stored_values import settle
from simsid.errors import ImageError

_RLE = "1.2.840.10008.1.2.5"
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
_JPEG = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})
_PADDING = 1024  # bytes that writers leave after the pixels
_HEAD, _SLACK = 4 * 2**20, 4 * 2**20  # bytes of header, and of what follows the pixels


def decode_dicom(data: bytes, name: str, max_pixels: int) -> DecodedFilm:
    """A single-frame film of 8 or 16 bits; the first VOI table or window is applied.

    Without either, the full range of the stored bits becomes 0 to 1. Colour becomes luminance,
    pixels of the padding value become black. Nothing of the header is returned but the photometric
    interpretation, if it is a known one, and codes of ``simsid.data.decode.notes``.

    Args:
        data: the whole file; preamble, mark and file meta information may be missing.

    Raises:
        ImageError: with ``code`` truncated, inconsistent, multi_frame, no_pixel_data,
            missing_codec, unsupported, too_small, too_large or aspect_ratio.
    """
    uid, header = _open(data, name, max_pixels)
    layout = read_layout(header, name, max_pixels)
    stream: FrameSize | None = None
    whole = not header.short
    if uid in _CODECS:
        frame = bare_codestream(_only_frame(header, name))
        raw, stream = _decode_compressed(frame, layout, uid, name)
        whole = uid == _RLE or has_end(frame)
    else:
        raw = _decode_native(header, layout, uid, name)
    stored = settle(raw, header, layout, stream, name)
    warnings = (*_notes_on_header(header, layout), *stored.notes)
    warnings += () if whole else (SHORTER_THAN_STATED,)
    if layout.samples > 1:
        pixels = blend_channels(scale_down(stored.values, stored.bits))
        return DecodedFilm(pixels, "DICOM", stored.bits, "rgb", warnings)
    used = None
    if stored.bits == 16:  # all that the cells have: no depth of its own
        kept = stored.values if stored.padded is None else stored.values[~stored.padded]
        used = (int(kept.min()), int(kept.max())) if kept.size else None
    table = make_grey_table(header, stored.bits, layout.signed, used)
    pixels = table.look_up(stored.values)
    if layout.photometric == "MONOCHROME1":
        pixels = 1 - pixels
    if stored.padded is not None:
        pixels[stored.padded] = 0
    return DecodedFilm(pixels, "DICOM", table.bits, layout.photometric, warnings + table.notes)


def _open(data: bytes, name: str, max_pixels: int) -> tuple[str, Header]:
    """The transfer syntax and the header; found out where the file does not name the syntax."""
    try:
        uid, start, named = find_data_set(data)
        if uid not in NATIVE and uid not in _CODECS:
            raise ImageError("unsupported", f"{name} has a DICOM encoding that is not supported")
        encoding = NATIVE.get(uid, Encoding(implicit=False, little=True))
        if uid == DEFLATED:
            data, start = _inflate(data[start:], encoding, name, max_pixels), 0
        header = read_header(data, start, encoding)
    except CutShortError:
        raise damaged(name) from None
    if not named and tags.PIXEL_DATA in header.undefined:
        read_layout(header, name, max_pixels)  # its refusals come first
        found = guess_syntax(bare_codestream(_only_frame(header, name)))
        if found is None:
            raise ImageError(
                "unsupported", f"{name} is compressed, and neither it nor its pixels tell how"
            )
        uid = found
    return uid, header


def _notes_on_header(header: Header, layout: Layout) -> tuple[str, ...]:
    clean = header.word(tags.BURNED_IN_ANNOTATION) == "NO"
    notes: tuple[str, ...] = () if clean else (BURNED_IN_ANNOTATION,)
    inverse = header.word(tags.PRESENTATION_SHAPE) == "INVERSE"
    if inverse and layout.photometric == "MONOCHROME2":
        notes += (INVERSE_PRESENTATION,)
    return notes


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
    frame: bytes, layout: Layout, uid: str, name: str
) -> tuple[Shaped[np.ndarray, ...], FrameSize | None]:
    """Whole numbers without a sign, and what the code stream says of itself; None for RLE."""
    codec, plugins, package = _CODECS[uid]
    if uid == _RLE:
        if not rle_stays_within(frame, 2 * layout.length + _PADDING):
            raise ImageError("inconsistent", f"{name} holds more pixels than its header says")
        size = None
    else:
        size = _check_stream(frame, layout, name)
    packed = encapsulate([frame], has_bot=False)
    if size is not None and uid in _JPEG and size.bits > 8:
        if size.bits != JPEG12_BITS or size.samples > 1:
            raise ImageError("unsupported", f"{name} is {codec} with colour of 12 bits")
        if not can_decode_jpeg12():
            raise ImageError("missing_codec", f"{name} is JPEG of 12 bits, which needs python-gdcm")
        try:
            return decode_jpeg12(frame, size.height, size.width), size
        except (ValueError, RuntimeError):
            raise damaged(name) from None
    available = get_decoder(UID(uid)).available_plugins
    plugin = next((plugin for plugin in plugins if plugin in available), None)
    if plugin is None:
        raise ImageError("missing_codec", f"{name} is {codec}, which needs the package {package}")
    return _run_decoder(packed, layout, uid, plugin, name, size), size


def _check_stream(frame: bytes, layout: Layout, name: str) -> FrameSize:
    """What the code stream says of itself, if the header's cells can hold it."""
    size = frame_size(frame)
    if size is None:
        raise damaged(name)
    said = (layout.rows, layout.columns, layout.samples)
    if (size.height, size.width, size.samples) != said or size.bits > layout.allocated:
        raise ImageError(
            "inconsistent", f"{name} holds an image of another size than its header says"
        )
    return size


def _only_frame(header: Header, name: str) -> bytes:
    """The fragments of compressed pixels after the table of offsets, joined; PS3.5, A.4."""
    if tags.PIXEL_DATA not in header.undefined:
        raise ImageError("inconsistent", f"{name} is not compressed, as its header says")
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
    pixels: bytes,
    layout: Layout,
    uid: str,
    plugin: str,
    name: str,
    size: FrameSize | None = None,
) -> Shaped[np.ndarray, ...]:
    """pydicom's decoder on the pixels alone; its messages may quote the file and are dropped.

    It is told the depth of the code stream, or of the cells, and no sign: what the header says of
    either is for ``settle`` to reconcile.
    """
    bits = layout.allocated if size is None else size.bits
    allocated = layout.allocated if size is None else (8 if bits <= 8 else 16)
    try:
        array, _ = get_decoder(UID(uid)).as_array(
            pixels,
            decoding_plugin=plugin,
            rows=layout.rows,
            columns=layout.columns,
            samples_per_pixel=layout.samples,
            bits_allocated=allocated,
            bits_stored=bits,
            pixel_representation=0,
            photometric_interpretation=layout.photometric,
            planar_configuration=layout.planar & 1,
            number_of_frames=1,
            pixel_keyword="PixelData",
            pixel_vr="OW" if allocated > 8 or layout.words else "OB",
            allow_excess_frames=False,
            apply_j2k_sign_correction=False,
            apply_jls_sign_correction=False,
        )
    except MemoryError:
        raise
    except Exception:
        raise damaged(name) from None
    if array.shape[:2] != (layout.rows, layout.columns):
        raise damaged(name)
    return array
