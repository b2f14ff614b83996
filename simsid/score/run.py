"""Score the films of a job, row by row, and say at the end what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from simsid.dicomweb import DicomWeb, keep_unsent
from simsid.errors import SimsidError
from simsid.score.ending import Ending, going_on_told, how_to_go_on, tell_the_end
from simsid.score.job import (
    Prepared,
    ScoreJob,
    check_kept,
    check_replaced,
    made_with_what,
    open_detector,
    score_of,
)
from simsid.score.rows import score_batches
from simsid.scoring import BatchCheck, chosen_population
from simsid.scoring.closing import ClosingReport
from simsid.scoring.rows import SCORED
from simsid.scoring.table import COLUMNS, TableWriter, columns_of, read_table, writes_to_stdout


def run(
    job: ScoreJob,
    prepared: Prepared,
    server: DicomWeb | None = None,
    store: bool = False,
    stay: bool = True,
) -> int:
    """Score the films of a job; those of a server have no names of their own.

    Args:
        prepared: what ``prepare`` made of the job.
    """
    out = job.out
    files, maps, results = prepared
    detector = open_detector(job)
    name = score_of(job, detector)
    chosen_population(detector, job.judge_as)
    columns = columns_of(out) if job.resume else COLUMNS
    kept, size = read_table(out, columns) if job.resume else ([], 0)
    made = made_with_what(detector, job)
    check_replaced(job, files, made)
    made_with = made.going_on(kept[0]["model"] if kept else "")
    check_kept(kept, files, made_with, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if maps is not None:
        maps.folder.mkdir(parents=True, exist_ok=True)
    check = BatchCheck(detector, job.score)
    report = ClosingReport.of(detector.calibration, name)
    for row in kept:
        check.add_row(row["population"], row["score"])
        report.add(row)
    done = {row["file"]: row["status"] for row in kept}
    batches = score_batches(
        detector, files, job.batch_size, job.score, maps, job.accept,
        check, set(done), made_with, results, job.judge_as,
    )  # fmt: skip
    say = sys.stderr if writes_to_stdout(out) else sys.stdout
    began = time.monotonic()
    with (
        going_on_told(lambda: how_to_go_on(job, len(done), len(files))),
        TableWriter(out, size, columns) as table,
    ):
        for rows in batches:
            if server is not None:
                rows = [row | {"file": Path(row["file"]).name} for row in rows]
            table.append(rows)
            done |= {row["file"]: row["status"] for row in rows}
            for row in rows:
                report.add(row)
    failed = sum(status != SCORED for status in done.values())
    ending = Ending(len(files), len(done) - len(kept), failed, time.monotonic() - began)
    tell_the_end(job, detector, ending, report, check, say)
    if results is not None:
        print(f"{len(results.written)} DICOM files in {results.folder}", file=say)
        if server is not None and store and results.written:
            _store(server, results.written, out, stay)
    return ending.exit_code


def _store(server: DicomWeb, files: Sequence[Path], out: Path, kept: bool) -> None:
    """Send results back; what the server does not take is kept and told at the end.

    Raises:
        SimsidError: it did not take some. KeyboardInterrupt: stopped, with the same words.
    """
    unsent, stopped = server.store(files)
    say = sys.stderr if writes_to_stdout(out) else sys.stdout
    print(f"{len(files) - len(unsent)} DICOM files stored on the server", file=say)
    if not unsent:
        return
    told = keep_unsent(unsent, len(files), out, kept)
    if stopped:
        raise KeyboardInterrupt(f"stopped: {told}")
    raise SimsidError(told)
