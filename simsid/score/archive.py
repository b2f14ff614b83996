"""Score the films of an archive into shards."""

from __future__ import annotations

import glob
import sys
import time
from functools import partial
from pathlib import Path

from simsid.archive.films import archive_films
from simsid.archive.on_ray import score_on_ray
from simsid.archive.run import ArchiveModel, Scorer, score_archive, score_here
from simsid.archive.shard_files import model_told, require_parquet
from simsid.archive.shards import ShardFolder, ShardPlan, check_shards
from simsid.cli import INTERRUPTED
from simsid.data.find import why_none
from simsid.device import pick_device
from simsid.errors import SimsidError
from simsid.export.detector import is_exported
from simsid.score.job import ScoreJob, made_with_what, open_detector
from simsid.score.rows import NO_ROOM, progress
from simsid.score.run import summary
from simsid.scoring import BatchCheck, chosen_population
from simsid.scoring.closing import ClosingReport
from simsid.scoring.rows import SCORED
from simsid.stop import terminated_as_interrupted


def run_archive(job: ScoreJob, shard_rows: int) -> int:
    """Score films in the order in which they come, into shards."""
    out = job.out
    if not job.paths and not job.table:
        raise SimsidError("no films are named: give files or folders, or a table with --files")
    check_shards(out, job.overwrite, job.resume, [job.table] if job.table else [])
    if not job.table and not any(glob.has_magic(p) or Path(p).exists() for p in job.paths):
        raise SimsidError(why_none(job.paths))
    if job.shard_format == "parquet":
        require_parquet()
    detector = open_detector(job)
    name = job.score or detector.score_names[0]
    if name not in detector.score_names:
        raise SimsidError(f"--score must be one of: {', '.join(detector.score_names)}")
    chosen_population(detector, job.judge_as)
    device = "cpu" if is_exported(job.model) else pick_device(job.device)
    made_with = made_with_what(detector, job).going_on(model_told(out) if job.resume else "")
    model = ArchiveModel(
        _whole(job.model), device, job.score, job.accept, made_with,
        job.plugin and _whole(job.plugin), job.judge_as,
    )  # fmt: skip
    scorer: Scorer = partial(score_here, detector, model)
    if job.engine == "ray":
        scorer = partial(score_on_ray, detector.preprocessing, model)
    report, check = (
        ClosingReport.of(detector.calibration, name),
        BatchCheck(detector, job.score),
    )
    shards = ShardFolder(
        out, ShardPlan(model.made_with, shard_rows, job.batch_size, job.shard_format)
    )
    done, began = 0, time.monotonic()
    with shards, progress(None, 0) as bar:

        def tell(rows: int) -> None:
            nonlocal done
            bar.update(rows - done)
            done = rows

        try:
            with terminated_as_interrupted():
                films = archive_films(job.paths, job.table)
                told = score_archive(films, shards, scorer, report, check, job.resume, tell)
        except KeyboardInterrupt:
            print(f"stopped: {_go_on(job, done)}", file=sys.stderr)
            return INTERRUPTED
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise SimsidError(
                f"{error.filename}: {error.strerror}; make room: {_go_on(job, done)}"
            ) from error
    print(summary(detector, job, told.films, told.failed, report.judged))
    for line in report.lines(told.made, time.monotonic() - began, SCORED):
        print(line)
    if (finding := check.finding()) is not None:
        print(f"warning: {finding.message}")
    return 1 if told.failed else 0


def _go_on(job: ScoreJob, done: int) -> str:
    said = f"{job.out} stays as it was" if job.resume else f"it is begun in {job.out}"
    if done:
        said = f"{done} films are in {job.out}"
    return f"{said}; the same command with --resume goes on"


def _whole(path: str) -> str:
    """A path as another process finds it, wherever that runs; a bundled model keeps its name."""
    return str(Path(path).absolute()) if Path(path).exists() else path
