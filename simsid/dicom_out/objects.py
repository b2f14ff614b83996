"""Secondary Capture and Grayscale Softcopy Presentation State, by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

import simsid
from simsid.data.decode.quiet import quiet_decoders
from simsid.data.own_files import KIT, RESEARCH_ONLY
from simsid.dicom_out.source import NoStudyError
from simsid.errors import SimsidError

CAPTURE_SERIES, STATE_SERIES = 9001, 9002  # behind what a modality numbers
_SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")
_LAYER = RESEARCH_ONLY


@dataclass(frozen=True)
class Place:
    """A new object's place in the film's study."""

    series: str
    number: int


def require_highdicom() -> None:
    """Say in one line that the extra is absent.

    Raises:
        SimsidError: it is.
    """
    try:
        with quiet_decoders():
            import highdicom  # noqa: F401
    except ImportError:
        raise SimsidError("--dicom-out needs highdicom: pip install 'simsid-kit[dicom]'") from None


def secondary_capture(
    source: Dataset, picture: UInt8[np.ndarray, "height width 3"], place: Place, told: str
) -> Dataset:
    """A picture in colour, for any viewer.

    Args:
        source: header of the film, by ``read_source``.
        told: what the picture says in words.

    Raises:
        NoStudyError: the film's header breaks the standard in what the capture must repeat.
    """
    from highdicom.sc import SCImage

    try:
        with quiet_decoders():
            capture = SCImage.from_ref_dataset(
                source,
                pixel_array=picture,
                photometric_interpretation="RGB",
                bits_allocated=8,
                coordinate_system="PATIENT",
                patient_orientation=("L", "F"),
                series_instance_uid=place.series,
                series_number=CAPTURE_SERIES,
                sop_instance_uid=generate_uid(),
                instance_number=place.number,
                transfer_syntax_uid=ExplicitVRLittleEndian,
                **_equipment("anomaly map"),
            )
            # The film's own, or unknown: the library asks for one and we know no better.
            capture.PatientOrientation = source.get("PatientOrientation") or ""
            capture.Laterality = source.get("Laterality") or ""
            capture.ContributingEquipmentSequence = None
            del capture.ContributingEquipmentSequence
            if source.get("BurnedInAnnotation"):
                capture.BurnedInAnnotation = source.BurnedInAnnotation
            capture.ImageComments = f"{RESEARCH_ONLY}: no medical device. {told}"
            capture.SourceImageSequence = [_reference(source)]
    except Exception:  # of any kind, and its message may quote the header
        raise NoStudyError("its header breaks the DICOM standard") from None
    return capture


def presentation_state(
    source: Dataset,
    lines: Sequence[Float[np.ndarray, "points 2"]],
    place: Place,
    told: str,
) -> Dataset:
    """Outlines over the film itself, at its own resolution, with its own window.

    Args:
        lines: (column, row) in pixels of the film, from 0 at its corner.

    Raises:
        NoStudyError: as for ``secondary_capture``, or the film is not grey.
    """
    from highdicom import PresentationLUTTransformation
    from highdicom.pr import (
        GraphicAnnotation,
        GraphicLayer,
        GraphicObject,
        GrayscaleSoftcopyPresentationState,
        TextObject,
    )

    if source.get("SamplesPerPixel") != 1:
        raise NoStudyError("it is in colour, and outlines are for grey films")
    inverse = source.PhotometricInterpretation == "MONOCHROME1"
    try:
        with quiet_decoders():
            layer = GraphicLayer(_LAYER, 1, "Anomaly map, research only")
            words = TextObject(
                f"{RESEARCH_ONLY} - {told}", "DISPLAY", bounding_box=(0.01, 0.01, 0.99, 0.08),
                text_justification="LEFT",
            )  # fmt: skip
            drawn = [GraphicObject("POLYLINE", line, "PIXEL") for line in lines]
            state = GrayscaleSoftcopyPresentationState(
                [source],
                series_instance_uid=place.series,
                series_number=STATE_SERIES,
                sop_instance_uid=generate_uid(),
                instance_number=place.number,
                device_serial_number="1",
                content_label=RESEARCH_ONLY,
                content_description="Outlines of an anomaly map",
                content_creator_name="SimSID^kit",
                graphic_annotations=[
                    GraphicAnnotation(
                        [source], layer, graphic_objects=drawn or None, text_objects=[words]
                    )
                ],
                graphic_layers=[layer],
                presentation_lut_transformation=PresentationLUTTransformation(
                    presentation_lut_shape="INVERSE" if inverse else "IDENTITY"
                ),
                transfer_syntax_uid=ExplicitVRLittleEndian,
                **_equipment("outlines"),
            )
            state.Laterality = source.get("Laterality") or ""
    except Exception:
        raise NoStudyError("its header breaks the DICOM standard") from None
    return state


def _equipment(what: str) -> dict[str, str]:
    return {
        "manufacturer": KIT,
        "manufacturer_model_name": KIT,
        "software_versions": simsid.__version__,
        "series_description": f"{RESEARCH_ONLY}: {KIT} {what}",
    }


def _reference(source: Dataset) -> Dataset:
    purpose, item = Dataset(), Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = _SOURCE_IMAGE.value, "DCM"
    purpose.CodeMeaning = _SOURCE_IMAGE.meaning
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item
