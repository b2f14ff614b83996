"""Score the films of an archive into shards."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from simsid.archive.films import archive_films
from simsid.archive.on_ray import score_on_ray
from simsid.archive.run import ArchiveModel, Scorer, score_archive, score_here
from simsid.archive.shard_files import model_told
from simsid.archive.shards import ShardFolder, ShardPlan
from simsid.device import pick_device
from simsid.export.detector import is_exported
from simsid.score.ending import Ending, going_on_told, how_to_go_on, tell_the_end
from simsid.score.job import ScoreJob, made_with_what, open_detector, score_of
from simsid.score.rows import progress
from simsid.scoring import BatchCheck, chosen_population
from simsid.scoring.closing import ClosingReport


def run_archive(job: ScoreJob, shard_rows: int) -> int:
    """Score films in the order in which they come, into shards."""
    out = job.out
    detector = open_detector(job)
    name = score_of(job, detector)
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
    report = ClosingReport.of(detector.calibration, name)
    check = BatchCheck(detector, job.score)
    shards = ShardFolder(
        out, ShardPlan(model.made_with, shard_rows, job.batch_size, job.shard_format)
    )
    done, began = 0, time.monotonic()
    with shards, progress(None, 0) as bar:

        def tell(rows: int) -> None:
            nonlocal done
            bar.update(rows - done)
            done = rows

        with going_on_told(lambda: how_to_go_on(job, done)):
            films = archive_films(job.paths, job.table)
            told = score_archive(films, shards, scorer, report, check, job.resume, tell)
    ending = Ending(told.films, told.made, told.failed, time.monotonic() - began)
    tell_the_end(job, detector, ending, report, check)
    return ending.exit_code


def _whole(path: str) -> str:
    """A path as another process finds it, wherever that runs; a bundled model keeps its name."""
    return str(Path(path).absolute()) if Path(path).exists() else path
