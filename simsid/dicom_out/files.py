"""Where a film's DICOM results go, and how an earlier one is told from a film."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from simsid.data.decode.pool import read_untrusted
from simsid.data.decode.quiet import quiet_decoders
from simsid.data.images import read_bytes
from simsid.data.own_files import CAPTURE, OUTLINES, RESEARCH_ONLY, is_result
from simsid.dicom_out.objects import (
    Place,
    presentation_state,
    require_highdicom,
    secondary_capture,
)
from simsid.dicom_out.picture import burned_in, outlines, placed, shown_film
from simsid.dicom_out.source import NoStudyError, read_source
from simsid.errors import ImageError
from simsid.files import write_bytes
from simsid.outputs import check_is_folder, check_names, check_overwritten
from simsid.scoring.results import ScoredFilm
from simsid.scoring.words import stated_share

if TYPE_CHECKING:
    from simsid.detectors.base import Detector


@dataclass
class DicomFiles:
    """``<folder>/<path below base>.capture.dcm``, the film with its map, and ``.outlines.dcm``.

    Both lie in the film's study, in two new series for each study. A film in colour gets no outlines.

    Attributes:
        written: files so far.
    """

    folder: Path
    base: Path
    written: list[Path] = field(default_factory=list)
    _series: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def paths_of(self, film: Path) -> tuple[Path, Path]:
        """(capture, outlines): where a film's results go."""
        relative = Path(os.path.abspath(film)).relative_to(self.base)
        place = self.folder / relative.parent
        return place / (relative.name + CAPTURE), place / (relative.name + OUTLINES)

    def check(self, films: Sequence[Path], overwrite: bool) -> None:
        """Refuse to write over what is no result, over a film at all, or without highdicom.

        Raises:
            SimsidError: a file of somebody else has a result's name; highdicom is absent.
        """
        require_highdicom()
        check_is_folder(self.folder, "--dicom-out")
        for path in (path for film in films for path in self.paths_of(film)):
            if overwrite:
                check_overwritten(path, "--dicom-out", films)
            else:
                check_names(path.parent, "--dicom-out", [path.name], is_result)

    def write(self, film: Path, result: ScoredFilm, detector: Detector, model: str) -> None:
        """Write one film's results.

        Args:
            model: what the film was scored with.

        Raises:
            NoStudyError: the film is no DICOM, or has no study.
            OSError: a file cannot be written; it is named.
        """
        try:
            source = read_source(read_bytes(film))
            pixels = read_untrusted(film).pixels
        except ImageError:
            raise NoStudyError("it cannot be read any more") from None
        shown, scale = shown_film(pixels), result.scale
        shape = (shown.shape[0], shown.shape[1])
        over = placed(detector.preprocessing, result.shown_map, shape, scale)
        told = told_of(result)
        above = f"{RESEARCH_ONLY} - no medical device, not for diagnosis"
        picture = burned_in(shown, over, scale, above, f"{told}. Model {model}")
        captures, states, number = self._place(str(source.StudyInstanceUID))
        where, outlined = self.paths_of(film)
        where.parent.mkdir(parents=True, exist_ok=True)
        self._save(secondary_capture(source, picture, Place(captures, number), told), where)
        if source.get("SamplesPerPixel") == 1:
            lines = outlines(over, scale, (pixels.shape[0], pixels.shape[1]))
            self._save(presentation_state(source, lines, Place(states, number), told), outlined)

    def _place(self, study: str) -> tuple[str, str, int]:
        captures, states, number = self._series.get(study) or (generate_uid(), generate_uid(), 0)
        self._series[study] = (captures, states, number + 1)
        return self._series[study]

    def _save(self, result: Dataset, path: Path) -> None:
        file = io.BytesIO()
        with quiet_decoders():
            pydicom.dcmwrite(file, result, enforce_file_format=True)
        write_bytes(path, file.getvalue())
        self.written.append(path)


def told_of(result: ScoredFilm) -> str:
    """The verdict in a line, for a picture; nothing of the film's header."""
    p_value = "" if result.p_value is None else f", p {result.p_value:.3g}"
    if result.removed and result.p_value_at_most is not None:  # of an archive without labels
        p_value += f" to {result.p_value_at_most:.3g}"
    rate = f"stated false alarms {stated_share(result)} of normals"
    chosen = f", judged as {result.judged_as} by choice" if result.judged_as else ""
    return f"{result.state}: score {result.score:.2f}{p_value}, {rate}{chosen}"
