"""Films of a DICOMweb server, which exist here until they are scored."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from simsid.dicom_out.objects import require_highdicom
from simsid.dicomweb import DicomWeb
from simsid.errors import SimsidError
from simsid.score.job import ScoreJob, check_replaced, made_with_what, open_detector, prepare
from simsid.score.run import run
from simsid.scoring.table import check_table
from simsid.stop import terminated_as_interrupted


def score_films_of(job: ScoreJob, server: DicomWeb, query: str, store: bool) -> int:
    """Fetch films into a folder that goes when this ends, score them, send the results back."""
    if job.paths or job.table or job.resume:
        raise SimsidError("--dicomweb goes without files, --files and --resume: leave them out")
    check_table(job.out, job.overwrite, False)
    if store:
        require_highdicom()
    for folder in (job.maps, job.dicom_out):  # films of another query bear the same names
        if folder is not None and folder.is_dir() and any(folder.iterdir()):
            raise SimsidError(f"{folder} is not empty: with --dicomweb choose a new folder")
    detector = open_detector(job)  # before anything is fetched
    check_replaced(replace(job, fetched=True), [], made_with_what(detector, job))
    with terminated_as_interrupted(), TemporaryDirectory(prefix="simsid-") as place:
        films = Path(place) / "films"
        films.mkdir()
        count, studies = server.fetch(query, films)
        print(f"{count} films of {studies} studies fetched", file=sys.stderr)
        kept = job.dicom_out is not None
        results = job.dicom_out or (Path(place) / "results" if store else None)
        job = replace(job, paths=(str(films),), dicom_out=results, fetched=True)
        return run(job, prepare(job), server, store, kept)
