"""Writing a data set to a folder, so that it verifies when finished and never before."""

import multiprocessing
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from synth.anatomy import DigitAnatomy
from synth.card import write_card
from synth.config import AnatomyConfig, require_int
from synth.encode import Encoded, encode_all
from synth.errors import SynthError
from synth.layouts import LAYOUTS
from synth.manifest import (
    GENERATOR,
    MANIFEST,
    MARKER,
    SHEET,
    file_digest,
    is_own,
    list_files,
    read_manifest,
    whole_digest,
    write_manifest,
    write_tables,
)
from synth.plan import DatasetConfig, Entry, list_entries
from synth.preview import set_sheet

Progress = Callable[[Iterator, int], Iterable]
_CHUNK = 64


def generate(
    out: Path,
    config: DatasetConfig,
    overwrite: bool = False,
    workers: int = 1,
    progress: Progress = lambda samples, total: samples,
) -> dict:
    """Generate a data set into a folder.

    Whatever stops the run, the folder does not verify; on an error or Ctrl-C the unfinished files
    are removed.

    Args:
        out: a new or empty folder.
        config: the data set's parameters.
        overwrite: replace what the folder holds, if that is a data set of this package and
            nothing else.
        workers: processes, 1 to 256; the pixels do not depend on it.
        progress: wraps the iterator of samples, given their number.

    Returns:
        The manifest.

    Raises:
        SynthError: a parameter cannot be used, the folder is not empty or cannot be written, or a
            worker was killed.
    """
    require_int("workers", workers, 1, 256)
    if config.layout not in LAYOUTS:
        raise SynthError(f"layout must be one of {', '.join(LAYOUTS)}, got {config.layout!r}")
    LAYOUTS[config.layout].check()
    anatomy = DigitAnatomy(config.anatomy)
    entries = list_entries(config, anatomy)
    with unfinished(out, overwrite), _encoder(anatomy, workers) as encoded:
        samples = iter(progress(encoded(entries), len(entries)))
        records = write_splits(out, config.layout, [entry.split for entry in entries], samples)
        manifest = _describe(out, config, anatomy, records)
        write_manifest(out, manifest)
    return manifest


def write_splits(
    out: Path, layout: str, splits: list[str], samples: Iterator[Encoded]
) -> list[dict]:
    """Write samples, one split after another.

    Args:
        out: the data set's folder.
        layout: a name in ``LAYOUTS``.
        splits: of each sample, in the order of ``samples``.
        samples: as many as ``splits``.

    Returns:
        The samples' records, in order.
    """
    records: list[dict] = []
    for split, members in groupby(splits):
        count = sum(1 for _ in members)
        LAYOUTS[layout].write(out, split, _noting(samples, count, records))
    return records


def _noting(samples: Iterator[Encoded], count: int, records: list[dict]) -> Iterator[Encoded]:
    """Pass on the next ``count`` samples, keeping their records."""
    for _ in range(count):
        sample = next(samples)
        records.append(sample.record)
        yield sample


def _describe(out: Path, config: DatasetConfig, anatomy: DigitAnatomy, records: list[dict]) -> dict:
    """Write card, tables and contact sheet; compose the manifest of what now lies in the folder."""
    digest = whole_digest(records)
    write_tables(out, records)
    set_sheet(anatomy, records).save(out / SHEET)
    card = write_card(config, records, anatomy.words, digest)
    (out / "README.md").write_text(card, encoding="utf-8", newline="\n")
    files = [name for name in list_files(out) if name != MARKER]
    return {
        "generator": GENERATOR,
        "version": config.anatomy.version,
        "parameters": config.parameters(),
        "digits_fingerprint": anatomy.source.fingerprint,
        "pixels_sha256": digest,
        "contaminated": [r["id"] for r in records if r["split"] == "train" and r["label"]],
        "files": {name: file_digest(out / name) for name in files},
        "samples": records,
    }


@contextmanager
def unfinished(out: Path, overwrite: bool) -> Iterator[None]:
    """Mark the folder as incomplete inside the block, and clean it up if the block fails.

    Raises:
        SynthError: the folder cannot be written, or holds what must not be overwritten.
    """
    created = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        _require_usable(out, overwrite)
        # Created exclusively, so that of two runs started at once one is refused.
        with open(out / MARKER, "w" if overwrite else "x") as marker:
            marker.write("This data set is being written, or its run was killed.\n")
    except OSError as error:
        raise SynthError(
            f"{out}: cannot be written ({error.strerror or error}); name another folder"
        ) from error
    try:
        (out / MANIFEST).unlink(missing_ok=True)
        _clear(out, keep=MARKER)
        yield
    except BaseException as error:
        _clear(out, keep=MARKER)
        (out / MARKER).unlink(missing_ok=True)
        if created:
            out.rmdir()
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            raise OSError(error.errno, error.strerror, str(out)) from error  # of a full disk
        raise
    (out / MARKER).unlink()


def _require_usable(out: Path, overwrite: bool) -> None:
    present = sorted(path.name for path in out.iterdir())
    if not present:
        return
    if not overwrite:
        raise SynthError(f"{out}: is not empty; name another folder or add --overwrite")
    foreign = [name for name in present if not is_own(name)]
    if (out / MANIFEST).exists():
        listed = read_manifest(out).get("files", ())
        foreign += [name for name in list_files(out) if name not in (*listed, MANIFEST, MARKER)]
    elif not (out / MARKER).exists():
        raise SynthError(f"{out}: has no {MANIFEST}, so it is not overwritten; name another folder")
    if foreign:
        raise SynthError(
            f"{out}: also holds {foreign[0]!r}, which is not part of the data set; move it away first"
        )


def _clear(out: Path, keep: str) -> None:
    """Remove what this package wrote at the top level."""
    for path in out.iterdir():
        if path.name == keep or not is_own(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _encoder(
    anatomy: DigitAnatomy, workers: int
) -> Iterator[Callable[[list[Entry]], Iterator[Encoded]]]:
    """Give a function from entries to an iterator of encoded samples, in order."""
    if workers == 1:
        yield lambda entries: (s for chunk in _chunks(entries) for s in encode_all(anatomy, chunk))
        return
    # Spawned, so that it works alike on every system; Ctrl-C is the parent's to handle, and a
    # child inherits that it ignores it from the moment it starts.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _start_worker, (anatomy.config,)
    )

    def encoded(entries: list[Entry]) -> Iterator[Encoded]:
        try:
            results = pool.map(_work, list(_chunks(entries)))
            signal.signal(signal.SIGINT, before)
            for result in results:
                yield from result
        except BrokenProcessPool as error:
            raise SynthError("a worker process was killed; use fewer --workers") from error

    try:
        yield encoded
    finally:
        signal.signal(signal.SIGINT, before)
        pool.shutdown(cancel_futures=True)


_worker_anatomy: DigitAnatomy


def _start_worker(config: AnatomyConfig) -> None:
    global _worker_anatomy
    _worker_anatomy = DigitAnatomy(config)


def _work(entries: list[Entry]) -> list[Encoded]:
    return encode_all(_worker_anatomy, entries)


def _chunks(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Runs of up to 64 entries of one split and kind."""
    for _, members in groupby(entries, key=lambda entry: (entry.split, entry.kind)):
        run = list(members)
        for start in range(0, len(run), _CHUNK):
            yield run[start : start + _CHUNK]
