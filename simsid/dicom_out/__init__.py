"""Results as DICOM files of the film's own study, for the viewer that a hospital has."""

from simsid.dicom_out.files import DicomFiles, NoStudyError, is_result
from simsid.dicom_out.source import KIT, RESEARCH_ONLY

__all__ = ["KIT", "RESEARCH_ONLY", "DicomFiles", "NoStudyError", "is_result"]
