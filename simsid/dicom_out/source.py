"""What results take over from a film's header: whose it is, which study, how it is shown."""

from __future__ import annotations

import io

import pydicom
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from simsid.data.decode.dicom_sniff import looks_like_dicom
from simsid.data.decode.quiet import quiet_decoders
from simsid.errors import SimsidError

_WHOSE = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID")
_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_SHOWN = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation", "PatientOrientation", "Laterality"),
    *("RescaleIntercept", "RescaleSlope", "RescaleType", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction"),
    *("VOILUTSequence", "BurnedInAnnotation", "SpecificCharacterSet"),
)
_TAGS = [Tag(keyword) for keyword in (*_WHOSE, *_STUDY, *_NEEDED, *_SHOWN)]


class NoStudyError(SimsidError):
    """A film that no result can be put beside; the message holds nothing of its header."""


def read_source(data: bytes) -> Dataset:
    """The header of a film, without its pixels and without what no result needs.

    Raises:
        NoStudyError: the file is no DICOM, or does not say which study it belongs to.
    """
    if not looks_like_dicom(data):
        raise NoStudyError("it is no DICOM file")
    try:
        with quiet_decoders():
            source = pydicom.dcmread(
                io.BytesIO(data), force=True, stop_before_pixels=True, specific_tags=_TAGS
            )
            lacking = [keyword for keyword in _NEEDED if not source.get(keyword)]
            for keyword in (*_WHOSE, *_STUDY):  # empty where unknown, as the standard asks
                if keyword not in source:
                    setattr(source, keyword, "")
            source.decode()
    except Exception:  # a stranger's bytes fail in any way, and messages may quote them
        raise NoStudyError("its header is damaged") from None
    if lacking:
        raise NoStudyError(f"its header has no {', '.join(lacking)}")
    return source
