"""The options of ``python -m simsid.score``, and what they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace

from simsid.archive.films import is_archive
from simsid.archive.shard_files import is_shard_folder, options_of
from simsid.cli import command_parser, parse
from simsid.dicomweb import DicomWeb
from simsid.errors import SimsidError, check_at_least_one
from simsid.files import path_text
from simsid.score.job import ScoreJob, check_archive, prepare
from simsid.scoring.rows import ACCEPT
from simsid.scoring.table import only_writer

_FORMAT = "csv"  # of shards, where none is given


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
        help="CSV or Parquet table with a column 'file' that names more films, a row for each; or "
        "a .txt with a line for each",
    )
    add("--model", type=path_text, required=True, help="run folder, model folder or bundled:NAME")
    add(
        "--out",
        type=path_text,
        required=True,
        help="CSV file to write, or with --shard-rows a folder; rows reach it as they are made",
    )
    add(
        "--resume",
        action="store_true",
        help="finish the table that a stopped run left at --out; give the same options again",
    )
    add(
        "--overwrite",
        action="store_true",
        help="write over files that no earlier run wrote, and over rows of other films, models "
        "or options",
    )
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
    add(
        "--score",
        type=str | None,
        default=None,
        help="another of the model's scores, which its card lists",
    )
    add(
        ACCEPT,
        action="store_true",
        help="score images that do not look like the training images, with a warning",
    )
    add("--judge-as", type=str | None, default=None,
        help="population of the model whose normals judge all films; by default each one's own is "
        "found. For images that you know: all of children, say")  # fmt: skip
    add("--batch-size", type=int, default=32, help="images in one pass")
    add("--engine", type=Literal["torch", "onnx", "openvino", "ray"], default="torch",
        help="onnx, openvino: --model is a folder that hub export wrote so; on the CPU. ray: shards "
        "by a cluster, that of RAY_ADDRESS or one of this machine's cores")  # fmt: skip
    add("--shard-rows", type=int | None, default=None,
        help="write shards of so many rows into --out, in memory that does not grow with the films; "
        "paths may be tar shards and datasets folders, too")  # fmt: skip
    add("--shard-format", type=Literal["csv", "parquet"], default=_FORMAT, help="of --shard-rows")
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to score")
    return parser


def job_of(options: Namespace) -> ScoreJob:
    """What the options say.

    Raises:
        SimsidError: a batch of less than one image.
    """
    check_at_least_one(batch_size=options.batch_size, shard_rows=options.shard_rows)
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
        shard_rows=options.shard_rows,
        shard_format=options.shard_format,
        plugin=options.get("plugin"),
        judge_as=options.judge_as,
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 0 when every file was scored and 1 when some could not be.

    Raises:
        SimsidError, OSError: before anything is scored, or the table cannot be written; for
            ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    job = job_of(options)
    if not options.dicomweb and (options.query or options.store):
        raise SimsidError("--query and --store belong to --dicomweb: name the server")
    if job.map_arrays and not job.maps:
        raise SimsidError("--map-arrays belongs to --maps: name the folder")
    if job.shard_rows is None and job.shard_format != _FORMAT:
        raise SimsidError("--shard-format belongs to --shard-rows: add --shard-rows 100000")
    if job.shard_rows is not None:
        if options.dicomweb or job.maps or job.dicom_out:
            raise SimsidError(
                "--shard-rows goes without --maps, --dicom-out and --dicomweb: score the unusual "
                "films again for their maps"
            )
        with only_writer(job.out):
            check_archive(job)
            from simsid.score.archive import run_archive  # torch takes seconds

            return run_archive(job, job.shard_rows)
    if is_shard_folder(job.out):
        raise SimsidError(f"--out {job.out} is a folder of shards: add {options_of(job.out)}")
    if job.engine == "ray":
        raise SimsidError("--engine ray writes shards: add --shard-rows 100000")
    several = next(filter(is_archive, job.paths), None)
    if several:
        raise SimsidError(f"{several} holds many films: add --shard-rows 100000")
    with only_writer(job.out):
        if not options.dicomweb:
            prepared = prepare(job)
            from simsid.score.run import run

            return run(job, prepared)
        from simsid.score.server import score_films_of

        return score_films_of(job, DicomWeb(options.dicomweb), options.query or "", options.store)
