"""An archive through a model: in this process, or on a cluster, with the same rows in the same shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from simsid.archive.films import ArchiveFilm
from simsid.archive.shard_files import SHARD_COLUMNS
from simsid.archive.shards import ShardFolder
from simsid.data.decode.pool import made_ahead
from simsid.data.preprocess import Preprocessing
from simsid.detectors import Detector, load_model
from simsid.errors import SimsidError
from simsid.export.detector import is_exported, load_exported
from simsid.scoring import BatchCheck, RefusedFilm
from simsid.scoring.closing import ClosingReport
from simsid.scoring.film import PreparedFilm, prepare_or_refuse, score_batch
from simsid.scoring.rows import SCORED, row_of
from simsid.scoring.table import Row

_NOTHING = "no image found: name films, tar shards, datasets folders or a list"


@dataclass(frozen=True)
class ArchiveModel:
    """How a model is opened and used, for whatever process does so.

    Attributes:
        folder: run, model or exported folder, or ``bundled:NAME``. device: 'cpu' or 'cuda'.
        score: another than the default. accept: score what does not look like training films.
        judge_as: population whose normals judge all films; None finds it from each.
        made_with: what rows say they were made with. plugin: file with its detector, or None.
    """

    folder: str
    device: str
    score: str | None
    accept: bool
    made_with: str
    plugin: str | None = None
    judge_as: str | None = None

    def open(self) -> Detector:
        """The detector.

        Raises:
            SimsidError: see ``load_model`` and ``load_exported``.
        """
        if is_exported(self.folder):
            return load_exported(self.folder)
        return load_model(self.folder, self.device)


@dataclass(frozen=True)
class MadeRow:
    """A row of ``SHARD_COLUMNS``, and how its film looks, which no table tells."""

    row: Row
    look: float | None


Scorer = Callable[[Iterable[list[ArchiveFilm]]], Iterator[list[MadeRow]]]


def prepared(preprocessing: Preprocessing, film: ArchiveFilm) -> tuple[ArchiveFilm, PreparedFilm]:
    """Read and decode a film; one that cannot be read costs no other its score."""
    return film, prepare_or_refuse(preprocessing, film.name, film.read)


def rows_of_batch(
    detector: Detector, model: ArchiveModel, films: list[tuple[ArchiveFilm, PreparedFilm]]
) -> list[MadeRow]:
    """Score films in one pass."""
    images = [made.image for _, made in films]
    scored = score_batch(detector, images, model.score, model.accept, model.judge_as)
    rows = []
    for (film, made), result in zip(films, scored, strict=True):
        told = row_of(Path(film.name), result, model.made_with, made.notes)
        row = told | {"id": film.id, "file": film.name}
        look = None if isinstance(result, RefusedFilm) else result.look
        rows.append(MadeRow(row, look))
    return rows


def score_here(
    detector: Detector, model: ArchiveModel, batches: Iterable[list[ArchiveFilm]]
) -> Iterator[list[MadeRow]]:
    """Batches in this process, while later ones are decoded."""
    read = made_ahead(batches, partial(prepared, detector.preprocessing))
    with closing(read):
        for films in read:
            yield rows_of_batch(detector, model, films)


@dataclass(frozen=True)
class Outcome:
    """What became of an archive.

    Attributes:
        films: rows in all shards. made: of them in this run. failed: without a score.
    """

    films: int
    made: int
    failed: int


def score_archive(
    films: Iterator[ArchiveFilm],
    shards: ShardFolder,
    scorer: Scorer,
    report: ClosingReport,
    check: BatchCheck,
    resume: bool,
    tell: Callable[[int], object] = lambda done: None,
) -> Outcome:
    """Score what has no row yet. Stopped at any moment, it goes on with ``resume`` to equal shards.

    A batch of which some rows are there is scored whole, since arithmetic rounds by its size.

    Args:
        films: all of them, those that have rows too.
        tell: is called with the number of rows so far.

    Raises:
        SimsidError: the films are others than those of the rows that are there, or there are none.
        OSError: a shard cannot be written.
    """
    size, kept, failed = shards.plan.batch_size, 0, 0
    seen: list[ArchiveFilm] = []  # of the batch that was begun
    if resume:
        for row in shards.resume():
            film = next(films, None)
            if film is None or (film.name, film.id) != (row["file"], row["id"]):
                raise SimsidError(
                    f"{shards.folder} holds a row of {row['file']} where "
                    f"{film.name if film else 'no film'} is named now: name the same films in the "
                    "same order, or choose another --out"
                )
            seen = [*seen, film] if len(seen) < size else [film]
            kept += 1
            failed += row["status"] != SCORED
            check.add_row(row["population"], row["score"])
            report.add(row)
    else:
        first = next(films, None)  # before anything of an earlier run goes
        if first is None:
            raise SimsidError(_NOTHING)
        films = chain([first], films)
        shards.begin()
    begun = seen if len(seen) < size else []
    films = (film for part in (begun, films) for film in part)
    done, over = kept, len(begun)
    for made in scorer(_batches(films, size)):
        fresh, over = made[over:], 0
        shards.append([{name: each.row[name] for name in SHARD_COLUMNS} for each in fresh])
        for each in fresh:
            failed += each.row["status"] != SCORED
            check.add_row(each.row["population"], each.row["score"], each.look)
            report.add(each.row)
        done += len(fresh)
        tell(done)
    shards.finish()
    if not done:
        raise SimsidError(_NOTHING)
    return Outcome(done, done - kept, failed)


def _batches(films: Iterator[ArchiveFilm], size: int) -> Iterator[list[ArchiveFilm]]:
    while batch := list(islice(films, size)):
        yield batch
