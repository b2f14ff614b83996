"""``python -m simsid.score``: image files in, a table of scores out."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tqdm import tqdm

from simsid.archive.films import archive_films, is_archive
from simsid.archive.on_ray import score_on_ray
from simsid.archive.run import ArchiveModel, Scorer, score_archive, score_here
from simsid.archive.shards import ShardFolder, ShardPlan, check_shards, require_parquet
from simsid.cli import INTERRUPTED, parse, run_command
from simsid.data.decode.pool import made_ahead, read_untrusted
from simsid.data.file_table import files_of_table
from simsid.data.find import common_folder, find_images
from simsid.detectors import Detector, load_model
from simsid.detectors.model_folder import fingerprint
from simsid.device import pick_device
from simsid.dicom_out import DicomFiles, NoStudyError
from simsid.dicom_out.objects import require_highdicom
from simsid.dicomweb import DicomWeb
from simsid.errors import ImageError, SimsidError
from simsid.export.detector import engine_of, is_exported, load_exported
from simsid.map_files import MapFiles, without_maps
from simsid.score_job import ScoreJob, job_of, make_parser
from simsid.scoring import (
    TOO_FEW_NORMALS,
    BatchCheck,
    RefusedFilm,
    ScoredFilm,
    weakness_told,
)
from simsid.scoring.closing import ClosingReport
from simsid.scoring.film import prepare_image, score_batch
from simsid.scoring.rows import SCORED, row_of, without_map, without_result
from simsid.scoring.table import (
    COLUMNS,
    Row,
    TableWriter,
    check_table,
    file_key,
    read_table,
    writes_to_stdout,
)
from simsid.stop import terminated_as_interrupted

__all__ = ["COLUMNS", "main", "make_parser", "score_batches"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # not one film's failure: every map would fail


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 0 when every file was scored and 1 when some could not be.

    Raises:
        SimsidError, OSError: before anything is scored, or the table cannot be written; for
            ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    job = job_of(options)
    if job.shard_rows is not None:
        if options.dicomweb or job.maps or job.dicom_out:
            raise SimsidError(
                "--shard-rows goes without --maps, --dicom-out and --dicomweb: score the unusual "
                "films again for their maps"
            )
        return _run_archive(job, job.shard_rows)
    if job.engine == "ray":
        raise SimsidError("--engine ray writes shards: add --shard-rows 100000")
    several = next(filter(is_archive, job.paths), None)
    if several:
        raise SimsidError(f"{several} holds many films: add --shard-rows 100000")
    if options.dicomweb:
        return _run_on_server(job, DicomWeb(options.dicomweb), options.query or "", options.store)
    if options.query or options.store:
        raise SimsidError("--query and --store belong to --dicomweb: name the server")
    return _run(job)


def _run_on_server(job: ScoreJob, server: DicomWeb, query: str, store: bool) -> int:
    """Fetch films into a folder that goes when this ends, score them, send the results back."""
    if job.paths or job.table or job.resume:
        raise SimsidError("--dicomweb goes without files, --files and --resume: leave them out")
    check_table(job.out, job.overwrite, False)
    if store:
        require_highdicom()
    for folder in (job.maps, job.dicom_out):  # films of another query bear the same names
        if folder is not None and folder.is_dir() and any(folder.iterdir()):
            raise SimsidError(f"{folder} is not empty: with --dicomweb choose a new folder")
    _open(job)  # before anything is fetched
    with terminated_as_interrupted(), TemporaryDirectory(prefix="simsid-") as place:
        films = Path(place) / "films"
        films.mkdir()
        count, studies = server.fetch(query, films)
        print(f"{count} films of {studies} studies fetched", file=sys.stderr)
        results = job.dicom_out or (Path(place) / "results" if store else None)
        job = replace(job, paths=(str(films),), dicom_out=results, fetched=True)
        return _run(job, server, store)


def _run(job: ScoreJob, server: DicomWeb | None = None, store: bool = False) -> int:
    """Score the films of a job; those of a server have no names of their own."""
    out = job.out
    files, maps, results = _prepare(job)
    detector = _open(job)
    if job.score is not None and job.score not in detector.score_names:
        raise SimsidError(f"--score must be one of: {', '.join(detector.score_names)}")
    made_with = _made_with(detector, job)
    kept, size = read_table(out) if job.resume else ([], 0)
    _check_kept(kept, files, made_with, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if maps is not None:
        maps.folder.mkdir(parents=True, exist_ok=True)
    check = BatchCheck(detector, job.score)
    name = job.score or detector.score_names[0]
    report = ClosingReport(detector.calibration.scores[name])
    for row in kept:
        check.add_row(row["population"], row["score"])
        report.add(row)
    done = {row["file"]: row["status"] for row in kept}
    batches = score_batches(
        detector, files, job.batch_size, job.score, maps, job.accept,
        check, set(done), made_with, results,
    )  # fmt: skip
    say = sys.stderr if writes_to_stdout(out) else sys.stdout
    began = time.monotonic()
    try:
        with terminated_as_interrupted(), TableWriter(out, size) as table:
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
        if error.errno not in _NO_ROOM:
            raise
        raise SimsidError(
            f"{error.filename}: {error.strerror}; make room: {_go_on(job, len(done), len(files))}"
        ) from error
    failed = sum(status != SCORED for status in done.values())
    print(_summary(detector, out, len(files), failed, job.score), file=say)
    for line in report.lines(len(done) - len(kept), time.monotonic() - began, SCORED):
        print(line, file=say)
    finding = check.finding()
    if finding is not None:
        print(f"warning: {finding.message}", file=say)
    if results is not None:
        print(f"{len(results.written)} DICOM files in {results.folder}", file=say)
        if server is not None and store:
            server.store(results.written)
            print(f"{len(results.written)} DICOM files stored on the server", file=say)
    return 1 if failed else 0


def _run_archive(job: ScoreJob, shard_rows: int) -> int:
    """Score films in the order in which they come, into shards."""
    out = job.out
    if not job.paths and not job.table:
        raise SimsidError("no films are named: give files or folders, or a table with --files")
    check_shards(out, job.overwrite, job.resume)
    if job.shard_format == "parquet":
        require_parquet()
    detector = _open(job)
    name = job.score or detector.score_names[0]
    if name not in detector.score_names:
        raise SimsidError(f"--score must be one of: {', '.join(detector.score_names)}")
    device = "cpu" if is_exported(job.model) else pick_device(job.device)
    model = ArchiveModel(
        job.model, device, job.score, job.accept, _made_with(detector, job), job.plugin
    )
    scorer: Scorer = partial(score_here, detector, model)
    if job.engine == "ray":
        scorer = partial(score_on_ray, detector.preprocessing, model)
    report, check = (
        ClosingReport(detector.calibration.scores[name]),
        BatchCheck(detector, job.score),
    )
    shards = ShardFolder(
        out, ShardPlan(model.made_with, shard_rows, job.batch_size, job.shard_format)
    )
    done, began = 0, time.monotonic()
    with shards, _progress(None, 0) as bar:

        def tell(rows: int) -> None:
            nonlocal done
            bar.update(rows - done)
            done = rows

        try:
            with terminated_as_interrupted():
                films = archive_films(job.paths, job.table)
                told = score_archive(films, shards, scorer, report, check, job.resume, tell)
        except KeyboardInterrupt:
            said = f"{done} films are in {out}" if done else f"it is begun in {out}"
            print(f"stopped: {said}; the same command with --resume goes on", file=sys.stderr)
            return INTERRUPTED
    print(_summary(detector, out, told.films, told.failed, job.score))
    for line in report.lines(told.made, time.monotonic() - began, SCORED):
        print(line)
    if (finding := check.finding()) is not None:
        print(f"warning: {finding.message}")
    return 1 if told.failed else 0


def _prepare(job: ScoreJob) -> tuple[list[Path], MapFiles | None, DicomFiles | None]:
    """Which films, and where maps and DICOM results go; refuses all that needs no model."""
    out, table = job.out, job.table
    check_table(out, job.overwrite, job.resume)
    if not job.paths and not table:
        raise SimsidError("no films are named: give files or folders, or a table with --files")
    if table and table.resolve() == out.resolve():
        raise SimsidError(f"--out {out} is the table of --files: choose another name")
    listed = files_of_table(table) if table else []
    found = list(dict.fromkeys([*find_images(job.paths), *listed]))
    files = without_maps(found)
    if len(files) < len(found):
        print(
            f"{len(found) - len(files)} maps and results of an earlier run were left out",
            file=sys.stderr,
        )
    if not any(file.exists() for file in files):
        named = [*job.paths, str(table)] if table else job.paths
        raise SimsidError(f"no image found in: {' '.join(named)}")
    place = out.resolve()
    if any(file.resolve() == place for file in files if file.suffix == out.suffix):
        raise SimsidError(f"--out {out} is one of the files to score: choose another name")
    may_replace = job.overwrite or job.resume
    maps = results = None
    if job.dicom_out is not None:
        results = DicomFiles(job.dicom_out, common_folder(files))
        results.check(files, may_replace)
    if job.maps is not None:
        maps = MapFiles(job.maps, common_folder(files), job.map_arrays)
        maps.check(files, may_replace)
    return files, maps, results


def _open(job: ScoreJob) -> Detector:
    exported = engine_of(job.model)
    if job.engine not in ("ray", exported or "torch"):
        raise SimsidError(
            f"{job.model} is an exported model: add --engine {exported}"
            if exported
            else f"{job.model} is no exported model: python -m hub export {job.model} "
            "--out DIR makes one"
        )
    if exported:
        return load_exported(job.model)
    return load_model(job.model, pick_device(job.device))


def _made_with(detector: Detector, job: ScoreJob) -> str:
    """The model and what else changes rows, so that one table never mixes them."""
    score = f" score={job.score}" if job.score else ""
    return fingerprint(detector) + score + (" accept" if job.accept else "")


def _check_kept(kept: Sequence[Row], files: Sequence[Path], made_with: str, out: Path) -> None:
    """Refuse to finish a table of other films or another model.

    Raises:
        SimsidError: it is one.
    """
    wanted = {file_key(file) for file in files}
    for row in kept:
        if row["model"] != made_with:
            raise SimsidError(
                f"{out} was made with another model or other options ({row['model']}, not "
                f"{made_with}): give the same ones, or choose another --out"
            )
        if row["file"] not in wanted:
            raise SimsidError(
                f"{out} holds a row of {row['file']}, which is not among the films to score: name "
                "the same films, or choose another --out"
            )


def score_batches(
    detector: Detector,
    files: Sequence[Path],
    batch_size: int = 32,
    score: str | None = None,
    maps: MapFiles | None = None,
    accept_out_of_place: bool = False,
    batch_check: BatchCheck | None = None,
    done: Collection[str] = (),
    model: str = "",
    results: DicomFiles | None = None,
) -> Iterator[list[Row]]:
    """Rows of ``COLUMNS`` for the files, in order, batch by batch.

    A bad file has its error's code as status and no score, and so has one that is out of place
    and refused for it, unless these are accepted: then its message warns, as for doubtful ones.
    Arithmetic rounds by the size of a batch: one of which some rows are done is scored whole.

    Args:
        done: names of files, see ``file_key``, that have their rows already.
        model: what the rows say they were made with.
        results: where DICOM results go.

    Raises:
        OSError: no room is left for a map or a result.
    """
    batches = [files[start : start + batch_size] for start in range(0, len(files), batch_size)]
    batches = [batch for batch in batches if any(file_key(file) not in done for file in batch)]
    read = made_ahead(batches, partial(_prepared, detector))
    with closing(read), _progress(len(files), sum(map(len, batches))) as bar:
        for batch, films in zip(batches, read, strict=True):
            scored = score_batch(detector, [film for film, _ in films], score, accept_out_of_place)
            rows = []
            for file, result, (_, notes) in zip(batch, scored, films, strict=True):
                if file_key(file) in done:
                    continue
                if batch_check is not None:
                    batch_check.add(result)
                row = row_of(file, result, model, notes)
                if maps is not None and isinstance(result, ScoredFilm):
                    try:
                        maps.write(file, result)
                    except OSError as error:
                        if error.errno in _NO_ROOM:
                            raise
                        row = without_map(row, error)
                if results is not None and isinstance(result, ScoredFilm):
                    row = _with_result(row, results, file, result, detector, model)
                rows.append(row)
            yield rows
            bar.update(len(batch))


def _progress(total: int | None, left: int) -> tqdm:
    return tqdm(total=total, initial=(total or 0) - left, unit="image", desc="scoring", disable=None,
                leave=False)  # fmt: skip


def _prepared(detector: Detector, file: Path) -> tuple[np.ndarray | RefusedFilm, tuple[str, ...]]:
    """A film as the model sees it, and what the decoder noticed.

    A file that cannot be read costs no other its score.
    """
    try:
        read = read_untrusted(file)
        return prepare_image(detector, read.pixels), read.notes
    except ImageError as error:
        return RefusedFilm.because(error), ()
    except OSError as error:
        return RefusedFilm("unreadable", f"{file}: {error.strerror or error}"), ()


def _with_result(
    row: Row, results: DicomFiles, file: Path, film: ScoredFilm, detector: Detector, model: str
) -> Row:
    """Write a film's DICOM results; its row says so where there are none."""
    try:
        results.write(file, film, detector, model)
    except NoStudyError as error:
        return without_result(row, str(error))
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        return without_map(row, error)
    return row


def _go_on(job: ScoreJob, done: int, total: int) -> str:
    if not done:
        return f"nothing was written to {job.out}"
    told = f"{done} of {total} films are in {job.out}; "
    if job.fetched:
        return told + "films of a server are fetched anew: begin again with another --out"
    return told + "the same command with --resume goes on"


def _summary(detector: Detector, out: Path, total: int, failed: int, score: str | None) -> str:
    rate = detector.calibration.false_alarm_rate
    lines = [f"{total - failed} of {total} images scored; table: {out}"]
    if failed:
        lines.append(
            f"{failed} could not be read, are out of place or have no map: see the columns status and message"
        )
    if not np.isfinite(detector.calibration.threshold(detector.score_names[0])):
        lines.append(f"every film is '{TOO_FEW_NORMALS}' at a false-alarm rate of {rate:.0%}")
    else:
        lines.append(f"'unusual' is stated at a false-alarm rate of {rate:.0%} of normals")
    if score in (None, detector.score_names[0]) and (weakness := weakness_told(detector)):
        lines.append(f"warning: {weakness}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_command(main))
