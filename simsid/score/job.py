"""What is scored with which model, and where it goes; refuses here what needs no film to be refused."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simsid.archive.shard_files import require_parquet
from simsid.archive.shards import Format, check_shards
from simsid.data.file_table import files_of_table
from simsid.data.find import common_folder, find_images, why_none
from simsid.data.own_files import without_own
from simsid.detectors.model_place import files_of
from simsid.detectors.no_model import require_model
from simsid.device import pick_device
from simsid.dicom_out import DicomFiles
from simsid.errors import SimsidError
from simsid.files import real_path
from simsid.map_files import MapFiles
from simsid.outputs import check_no_input
from simsid.scoring.table import Row, check_table, earlier_rows, file_key

if TYPE_CHECKING:
    from simsid.detectors import Detector


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
        judge_as: population whose normals judge all films; None finds it from each.
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
    judge_as: str | None = None


# Films, and where maps and DICOM results go.
Prepared = tuple[list[Path], MapFiles | None, DicomFiles | None]


def prepare(job: ScoreJob) -> Prepared:
    """Which films, and where maps and DICOM results go; refuses all that needs no model."""
    out, table = job.out, job.table
    check_table(out, job.overwrite, job.resume)
    if not job.paths and not table:
        raise SimsidError("no films are named: give files or folders, or a table with --files")
    if table and real_path(table) == real_path(out):
        raise SimsidError(f"--out {out} is the table of --files: choose another name")
    listed = files_of_table(table) if table else []
    found = list(dict.fromkeys([*find_images(job.paths), *listed]))
    files = without_own(found)
    if len(files) < len(found):
        print(
            f"{len(found) - len(files)} maps and results of an earlier run were left out",
            file=sys.stderr,
        )
    if not any(file.exists() for file in files):
        named = [*job.paths, str(table)] if table else job.paths
        raise SimsidError(why_none(named))
    place = real_path(out)
    if any(real_path(file) == place for file in files if file.suffix == out.suffix):
        raise SimsidError(f"--out {out} is one of the files to score: choose another name")
    check_no_input(out, "--out", [*files, *([table] if table else []), *files_of(job.model)])
    maps = results = None
    if job.dicom_out is not None:
        results = DicomFiles(job.dicom_out, common_folder(files))
        results.check(files, job.overwrite)
    if job.maps is not None:
        maps = MapFiles(job.maps, common_folder(files), job.map_arrays)
        maps.check(files, job.overwrite)
    if job.engine == "torch":
        require_model(job.model)
    return files, maps, results


def check_archive(job: ScoreJob) -> None:
    """Refuse what needs neither film nor model to be refused, before shards are filled."""
    if not job.paths and not job.table:
        raise SimsidError("no films are named: give files or folders, or a table with --files")
    check_shards(job.out, job.overwrite, job.resume, [job.table] if job.table else [])
    if not job.table and not any(glob.has_magic(p) or Path(p).exists() for p in job.paths):
        raise SimsidError(why_none(job.paths))
    if job.shard_format == "parquet":
        require_parquet()
    if job.engine == "torch":
        require_model(job.model)


def open_detector(job: ScoreJob) -> Detector:
    from simsid.detectors import load_model  # torch takes seconds: ``prepare`` refuses without it
    from simsid.export.detector import engine_of, load_exported, no_exported_model

    exported = engine_of(job.model)
    if job.engine not in ("ray", exported or "torch"):
        raise SimsidError(
            f"{job.model} is an exported model: add --engine {exported}"
            if exported
            else no_exported_model(job.model)
        )
    if exported and job.device == "cuda":
        raise SimsidError(f"--engine {exported} computes on the CPU: leave out --device cuda")
    if exported:
        return load_exported(job.model)
    return load_model(job.model, pick_device(job.device))


def score_of(job: ScoreJob, detector: Detector) -> str:
    """The name of the score that a job asks for.

    Raises:
        SimsidError: the detector has no such score.
    """
    name = job.score or detector.score_names[0]
    if name not in detector.score_names:
        raise SimsidError(f"--score must be one of: {', '.join(detector.score_names)}")
    return name


@dataclass(frozen=True)
class MadeWith:
    """The model and what else changes rows, so that one table never mixes them.

    Attributes:
        now: how new tables call it. former: how tables of earlier versions called the same.
    """

    now: str
    former: tuple[str, ...] = ()

    def going_on(self, told: str) -> str:
        """What rows say behind those that say ``told``: the same, where it means the same."""
        return told if told in self.former else self.now


def made_with_what(detector: Detector, job: ScoreJob) -> MadeWith:
    """What rows of a job say of the model: its fingerprint, and with which options it was used."""
    from simsid.detectors.model_folder import fingerprint, former_fingerprint
    from simsid.export.detector import ExportedDetector

    options = f" score={job.score}" if job.score else ""
    options += f" judge-as={job.judge_as}" if job.judge_as else ""
    options += " accept" if job.accept else ""
    own, former = fingerprint(detector), [former_fingerprint(detector)]
    if isinstance(detector, ExportedDetector):
        former.append(own)
        own = f"{detector.config.model} {detector.config.engine}={own}"
    return MadeWith(own + options, tuple(each + options for each in former))


def check_kept(kept: Sequence[Row], files: Sequence[Path], made_with: str, out: Path) -> None:
    """Refuse to finish a table of other films or another model.

    Args:
        made_with: see ``MadeWith.going_on``.

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


def check_replaced(job: ScoreJob, files: Sequence[Path], made_with: MadeWith) -> None:
    """Refuse to write over rows that this job does not make again.

    A table of the same model, options and films is made anew; films are the same where their paths
    are, so a relative one means that of the working folder. ``--overwrite`` asks nothing.

    Raises:
        SimsidError: rows would be lost.
    """
    if job.overwrite or job.resume:
        return
    wanted, count, other = {file_key(file) for file in files}, 0, ""
    for row in earlier_rows(job.out):
        count += 1
        other = other or _not_made_again(row, job, wanted, made_with)
    if other:
        rows = "1 row" if count == 1 else f"{count} rows"
        raise SimsidError(
            f"--out {job.out} holds {rows} of an earlier run {other}: nothing was changed. "
            "Choose another name, or add --overwrite"
        )


def _not_made_again(row: Row, job: ScoreJob, wanted: Set[str], made_with: MadeWith) -> str:
    """Why a job that scores the ``wanted`` films does not make this row again; empty if it does."""
    model = row.get("model")
    if not model:
        return "that does not say with which model it was made"
    if model not in (made_with.now, *made_with.former):
        return f"with another model or other options ({model}, not {made_with.now})"
    if job.fetched:
        return "of a server, whose numbers may stand for other films"
    if row["file"] not in wanted:
        return f"of films that are not among those to score ({row['file']})"
    return ""
