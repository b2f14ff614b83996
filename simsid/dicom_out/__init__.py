"""Results as DICOM files of the film's own study, for the viewer that a hospital has."""

from simsid.dicom_out.files import DicomFiles, NoStudyError

__all__ = ["DicomFiles", "NoStudyError"]
