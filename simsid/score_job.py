"""What ``python -m simsid.score`` is asked: its options, and the values that they become."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace

from simsid.archive.shards import Format
from simsid.cli import command_parser
from simsid.errors import SimsidError
from simsid.files import path_text
from simsid.scoring.rows import ACCEPT


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
    add("--engine", type=Literal["torch", "onnx", "openvino", "ray"], default="torch",
        help="onnx, openvino: --model is a folder that hub export wrote so; on the CPU. ray: shards "
        "by a cluster, that of RAY_ADDRESS or one of this machine's cores")  # fmt: skip
    add("--shard-rows", type=int | None, default=None,
        help="write shards of so many rows into --out, in memory that does not grow with the films; "
        "paths may be tar shards and datasets folders, too")  # fmt: skip
    add("--shard-format", type=Literal["csv", "parquet"], default="csv", help="of --shard-rows")
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
        shard_rows: of each shard of a folder ``out``; None for one table. shard_format: theirs.
        plugin: file with the model's detector, which other machines load, too; None for none.
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
    shard_rows: int | None = None
    shard_format: Format = "csv"
    plugin: str | None = None


def job_of(options: Namespace) -> ScoreJob:
    """What the options say.

    Raises:
        SimsidError: a batch of less than one image.
    """
    if options.batch_size < 1:
        raise SimsidError(f"--batch-size must be at least 1, not {options.batch_size}")
    if options.shard_rows is not None and options.shard_rows < 1:
        raise SimsidError(f"--shard-rows must be at least 1, not {options.shard_rows}")
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
    )
