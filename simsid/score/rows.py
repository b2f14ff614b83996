"""From files to rows of the table, batch by batch; maps and DICOM results beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from tqdm import tqdm

from simsid.data.decode.pool import made_ahead
from simsid.detectors import Detector
from simsid.dicom_out import DicomFiles, NoStudyError
from simsid.map_files import MapFiles
from simsid.score.ending import no_room
from simsid.scoring import BatchCheck, ScoredFilm
from simsid.scoring.film import prepare_file, score_batch
from simsid.scoring.rows import row_of, without_map, without_result
from simsid.scoring.table import Row, file_key


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
    judge_as: str | None = None,
) -> Iterator[list[Row]]:
    """Rows of ``COLUMNS`` for the files, in order, batch by batch.

    A bad file has its error's code as status and no score, and so has one that is out of place
    and refused for it, unless these are accepted: then its message warns, as for doubtful ones.
    Arithmetic rounds by the size of a batch: one of which some rows are done is scored whole.

    Args:
        done: names of files, see ``file_key``, that have their rows already.
        model: what the rows say they were made with.
        results: where DICOM results go.
        judge_as: population whose normals judge all films; None finds it from each.

    Raises:
        OSError: no room is left for a map or a result.
    """
    batches = [files[start : start + batch_size] for start in range(0, len(files), batch_size)]
    batches = [batch for batch in batches if any(file_key(file) not in done for file in batch)]
    read = made_ahead(batches, partial(prepare_file, detector.preprocessing))
    with closing(read), progress(len(files), sum(map(len, batches))) as bar:
        for batch, films in zip(batches, read, strict=True):
            images = [film.image for film in films]
            scored = score_batch(detector, images, score, accept_out_of_place, judge_as)
            rows = []
            for file, result, film in zip(batch, scored, films, strict=True):
                if file_key(file) in done:
                    continue
                if batch_check is not None:
                    batch_check.add(result)
                row = row_of(file, result, model, film.notes)
                if maps is not None and isinstance(result, ScoredFilm):
                    try:
                        maps.write(file, result)
                    except OSError as error:
                        if no_room(error):
                            raise
                        row = without_map(row, error)
                if results is not None and isinstance(result, ScoredFilm):
                    row = _with_result(row, results, file, result, detector, model)
                rows.append(row)
            yield rows
            bar.update(len(batch))


def progress(total: int | None, left: int) -> tqdm:
    return tqdm(total=total, initial=(total or 0) - left, unit="image", desc="scoring", disable=None,
                leave=False)  # fmt: skip


def _with_result(
    row: Row, results: DicomFiles, file: Path, film: ScoredFilm, detector: Detector, model: str
) -> Row:
    """Write a film's DICOM results; its row says so where there are none."""
    try:
        results.write(file, film, detector, model)
    except NoStudyError as error:
        return without_result(row, str(error))
    except OSError as error:
        if no_room(error):
            raise
        return without_map(row, error)
    return row
