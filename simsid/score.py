"""``python -m simsid.score``: image files in, a table of scores out."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from jsonargparse import ArgumentParser, Namespace
from tqdm import tqdm

from simsid.cli import INTERRUPTED, command_parser, parse, run_command
from simsid.data.decode.pool import made_ahead, read_untrusted
from simsid.data.file_table import files_of_table
from simsid.data.find import common_folder, find_images, why_none
from simsid.detectors import Detector, load_model
from simsid.detectors.model_folder import fingerprint
from simsid.device import pick_device
from simsid.dicom_out import DicomFiles, NoStudyError
from simsid.dicom_out.objects import require_highdicom
from simsid.dicomweb import DicomWeb
from simsid.errors import ImageError, SimsidError
from simsid.export.detector import is_exported, load_exported
from simsid.files import path_text
from simsid.map_files import MapFiles, without_maps
from simsid.scoring import (
    TOO_FEW_NORMALS,
    BatchCheck,
    RefusedFilm,
    ScoredFilm,
    weakness_told,
)
from simsid.scoring.closing import ClosingReport
from simsid.scoring.film import prepare_image, score_batch
from simsid.scoring.rows import ACCEPT, SCORED, row_of, without_map, without_result
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


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.score",
        "Score images with a trained model. Higher score = more abnormal. "
        "Research software, not a medical device.",
    )
    add = parser.add_argument
    add(
        "paths",
        type=path_text,
        nargs="*",
        help="image files, folders (with what lies below), globs",
    )
    add(
        "--files",
        type=path_text,
        default=None,
        help="CSV or Parquet table with a column 'file' that names more films, a row for each",
    )
    add("--model", type=path_text, required=True, help="run folder, model folder or bundled:NAME")
    add(
        "--out",
        type=path_text,
        required=True,
        help="CSV file to write; rows reach it as they are made",
    )
    add(
        "--resume",
        action="store_true",
        help="finish the table that a stopped run left at --out; give the same options again",
    )
    add("--overwrite", action="store_true", help="write over files that no earlier run wrote")
    add("--maps", type=path_text, default=None, help="folder for an anomaly map of each image")
    add("--map-arrays", action="store_true", help="also write each map as a float32 .npy")
    add("--dicom-out", type=path_text, default=None,
        help="folder for results that a DICOM viewer shows beside each DICOM film: a picture with "
        "the map, and outlines over the film itself")  # fmt: skip
    add("--dicomweb", type=str | None, default=None,
        help="instead of files: address of a DICOMweb server, whose films of --query are scored; "
        "the table numbers them")  # fmt: skip
    add(
        "--query",
        type=str | None,
        default=None,
        help="studies on --dicomweb, as StudyInstanceUID=… or StudyDate=20260101-20260131&PatientID=…",
    )
    add("--store", action="store_true",
        help="send the results of --dicom-out to --dicomweb, beside their films")  # fmt: skip
    add("--score", type=str | None, default=None, help="another of the model's scores")
    add(
        ACCEPT,
        action="store_true",
        help="score images that do not look like the training images, with a warning",
    )
    add("--batch-size", type=int, default=32, help="images in one pass")
    add("--engine", type=Literal["torch", "onnx"], default="torch",
        help="onnx: --model is a folder that python -m hub export wrote; on the CPU")  # fmt: skip
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to score")
    return parser


@dataclass(frozen=True)
class ScoreJob:
    """What is scored with which model, and what is written where.

    Attributes:
        paths: files, folders and globs. table: that names more films, or None.
        model: run, model or exported folder, or ``bundled:NAME``. device, engine: it computes with.
        out: the table of scores. resume: finish it. overwrite: write over files of others.
        maps, dicom_out: folders of maps and of DICOM results, or None. map_arrays: numbers, too.
        score: another than the default. accept: score what does not look like training films.
        batch_size: images in one pass. fetched: from a server, for this job alone.
    """

    paths: tuple[str, ...]
    table: Path | None
    model: str
    device: str
    engine: str
    out: Path
    resume: bool
    overwrite: bool
    maps: Path | None
    map_arrays: bool
    dicom_out: Path | None
    score: str | None
    accept: bool
    batch_size: int
    fetched: bool = False


def job_of(options: Namespace) -> ScoreJob:
    """What the options say.

    Raises:
        SimsidError: a batch of less than one image.
    """
    if options.batch_size < 1:
        raise SimsidError(f"--batch-size must be at least 1, not {options.batch_size}")
    return ScoreJob(
        paths=tuple(options.paths or ()),
        table=Path(options.files) if options.files else None,
        model=options.model,
        device=options.device,
        engine=options.engine,
        out=Path(options.out),
        resume=options.resume,
        overwrite=options.overwrite,
        maps=Path(options.maps) if options.maps else None,
        map_arrays=options.map_arrays,
        dicom_out=Path(options.dicom_out) if options.dicom_out else None,
        score=options.score,
        accept=options.accept_out_of_place,
        batch_size=options.batch_size,
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 0 when every file was scored and 1 when some could not be.

    Raises:
        SimsidError, OSError: before anything is scored, or the table cannot be written; for
            ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    job = job_of(options)
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
        raise SimsidError(why_none(named))
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
    exported = is_exported(job.model)
    if exported != (job.engine != "torch"):
        raise SimsidError(
            f"{job.model} is an exported model: add --engine onnx"
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


def _progress(total: int, left: int) -> tqdm:
    return tqdm(total=total, initial=total - left, unit="image", desc="scoring", disable=None,
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
