from __future__ import annotations

import numpy as np
import pytest

from simsid import score
from simsid.cli import run_command
from tests.simsid.data.make_files import SECRET, dicom

STUDY, SERIES = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.1.1"
SECRETS = (SECRET, "ACC4711", "19570301", STUDY)  # nothing of these may be told anywhere


@pytest.fixture
def films(data, tmp_path):
    """0.dcm and 1.dcm, of one study; the first is normal and the second has a bright spot."""
    folder = tmp_path / "films"
    folder.mkdir()
    for number, kind in enumerate(("normal", "spot")):
        image = data.test.images[data.test.kinds == kind][0]
        (folder / f"{number}.dcm").write_bytes(film(image, number))
    return folder


def film(image: np.ndarray, number: int, **elements: object) -> bytes:
    """A computed radiograph of one study, as hospitals write it."""
    return dicom(
        np.kron(image, np.ones((3, 4), np.uint8)),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.1",
        SOPInstanceUID=f"{SERIES}.{number + 1}",
        **{
            "StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, "Modality": "CR",
            "StudyDate": "20260102", "StudyTime": "101112", "AccessionNumber": "ACC4711",
            "PatientBirthDate": "19570301", "PatientSex": "F", "StudyID": "S1",
            "ReferringPhysicianName": "Refer^Red", "SeriesNumber": 1, "InstanceNumber": number + 1,
            "PatientOrientation": ["L", "F"], "WindowCenter": 128, "WindowWidth": 256,
            **elements,
        },
    )  # fmt: skip


def run(*arguments: object) -> int:
    return run_command(lambda: score.main([str(a) for a in arguments]))
