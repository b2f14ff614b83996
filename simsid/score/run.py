"""Score the films of a job, row by row, and say at the end what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from simsid.cli import INTERRUPTED
from simsid.detectors import Detector
from simsid.detectors.renewal import has_threshold
from simsid.dicomweb import DicomWeb, keep_unsent
from simsid.errors import SimsidError
from simsid.score.job import ScoreJob, check_kept, made_with_what, open_detector, prepare
from simsid.score.rows import NO_ROOM, score_batches
from simsid.scoring import TOO_FEW_NORMALS, BatchCheck, chosen_population, weakness_told
from simsid.scoring.closing import ClosingReport
from simsid.scoring.rows import SCORED
from simsid.scoring.table import COLUMNS, TableWriter, columns_of, read_table, writes_to_stdout
from simsid.scoring.words import in_percent
from simsid.stop import terminated_as_interrupted


def run(
    job: ScoreJob, server: DicomWeb | None = None, store: bool = False, stay: bool = True
) -> int:
    """Score the films of a job; those of a server have no names of their own."""
    out = job.out
    files, maps, results = prepare(job)
    detector = open_detector(job)
    if job.score is not None and job.score not in detector.score_names:
        raise SimsidError(f"--score must be one of: {', '.join(detector.score_names)}")
    chosen_population(detector, job.judge_as)
    columns = columns_of(out) if job.resume else COLUMNS
    kept, size = read_table(out, columns) if job.resume else ([], 0)
    made_with = made_with_what(detector, job).going_on(kept[0]["model"] if kept else "")
    check_kept(kept, files, made_with, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if maps is not None:
        maps.folder.mkdir(parents=True, exist_ok=True)
    check = BatchCheck(detector, job.score)
    name = job.score or detector.score_names[0]
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
    try:
        with terminated_as_interrupted(), TableWriter(out, size, columns) as table:
            for rows in batches:
                if server is not None:
                    rows = [row | {"file": Path(row["file"]).name} for row in rows]
                table.append(rows)
                done |= {row["file"]: row["status"] for row in rows}
                for row in rows:
                    report.add(row)
    except KeyboardInterrupt:
        print(f"stopped: {_go_on(job, len(done), len(files))}", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise SimsidError(
            f"{error.filename}: {error.strerror}; make room: {_go_on(job, len(done), len(files))}"
        ) from error
    failed = sum(status != SCORED for status in done.values())
    print(summary(detector, job, len(files), failed, report.judged), file=say)
    for line in report.lines(len(done) - len(kept), time.monotonic() - began, SCORED):
        print(line, file=say)
    finding = check.finding()
    if finding is not None:
        print(f"warning: {finding.message}", file=say)
    if results is not None:
        print(f"{len(results.written)} DICOM files in {results.folder}", file=say)
        if server is not None and store and results.written:
            code = _store(server, results.written, out, stay)
            return code or (1 if failed else 0)
    return 1 if failed else 0


def _store(server: DicomWeb, files: Sequence[Path], out: Path, kept: bool) -> int:
    """Send results back; what the server does not take is kept and told at the end."""
    unsent, stopped = server.store(files)
    say = sys.stderr if writes_to_stdout(out) else sys.stdout
    print(f"{len(files) - len(unsent)} DICOM files stored on the server", file=say)
    if not unsent:
        return 0
    told = keep_unsent(unsent, len(files), out, kept)
    if stopped:
        print(f"stopped: {told}", file=sys.stderr)
        return INTERRUPTED
    raise SimsidError(told)


def _go_on(job: ScoreJob, done: int, total: int) -> str:
    if not done:
        return f"nothing was written to {job.out}"
    told = f"{done} of {total} films are in {job.out}; "
    if job.fetched:
        return told + "films of a server are fetched anew: begin again with another --out"
    return told + "the same command with --resume goes on"


def summary(detector: Detector, job: ScoreJob, total: int, failed: int, judged: int) -> str:
    """How many films were scored, and what a verdict stands on where there is one.

    Args:
        failed: films with another status than 'ok'. judged: films with a verdict.
    """
    calibration, score = detector.calibration, job.score
    rate = in_percent(calibration.false_alarm_rate)
    lines = [f"{total - failed} of {total} images scored; table: {job.out}"]
    judging = {
        name: has_threshold(calibration, index)
        for index, name in enumerate(calibration.names)
        if job.judge_as in (None, name)
    }
    if not any(judging.values()):
        lines.append(f"every film is '{TOO_FEW_NORMALS}' at a false-alarm rate of {rate}")
    else:
        lines += [
            f"films judged by the normals of {name} are '{TOO_FEW_NORMALS}' at a false-alarm rate "
            f"of {rate}"
            for name, enough in judging.items()
            if not enough
        ]
        if judged:
            lines.append(f"'unusual' is stated at a false-alarm rate of {rate} of normals")
    if score in (None, detector.score_names[0]) and (weakness := weakness_told(detector)):
        lines.append(f"warning: {weakness}")
    return "\n".join(lines)
