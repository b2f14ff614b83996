"""Whose film a DICOM file is: a hash of its PatientID, to compare and to throw away."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from simsid.data.decode.dicom_header import CutShortError, Encoding, find_value
from simsid.data.decode.dicom_sniff import DEFLATED, NATIVE, find_data_set, looks_like_dicom

_PATIENT_ID = 0x0010_0020
_HEAD, _MOST = 1 << 16, 256 * 2**20  # bytes that hold most headers; that a film may have
_NOBODY = frozenset(
    b"anon anonym anonymous anonymized anonymised anonymouspatient patient test unknown none na nan "
    b"null removed deleted redacted deidentified notavailable noid".split()
)


def patient_of(path: Path) -> str | None:
    """Equal for films of one patient, without a word of who that is.

    Capitals and spaces make no other patient. None where the file is no DICOM, cannot be read,
    or has no ID or one that anonymisers write for everybody.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_HEAD)
            if not looks_like_dicom(data):
                return None
            try:
                number = _patient_id(data)
            except CutShortError:
                number = _patient_id(data + file.read(_MOST))
    except (OSError, ValueError, CutShortError, zlib.error):
        return None
    words = number.replace(b"\0", b" ").lower().split()
    letters = bytes(c for c in b"".join(words) if c > 127 or chr(c).isalnum())
    if letters in _NOBODY or not letters.strip(b"0") or not letters.strip(b"x"):
        return None
    return hashlib.sha256(b"patient " + b" ".join(words)).hexdigest()


def _patient_id(data: bytes) -> bytes:
    uid, start, _ = find_data_set(data)
    encoding = NATIVE.get(uid, Encoding(implicit=False, little=True))
    if uid == DEFLATED:
        data, start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], _HEAD), 0
    return find_value(data, start, encoding, _PATIENT_ID)
