"""``python -m simsid.score``: image files in, a table of scores out."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jsonargparse import ArgumentParser
from PIL import Image
from tqdm import tqdm

from simsid.cli import command_parser, parse, run_command
from simsid.data.decode.worker import read_untrusted
from simsid.data.find import common_folder, find_images
from simsid.detectors import Detector, load_model
from simsid.detectors.findings import ANOTHER, Finding
from simsid.device import pick_device
from simsid.errors import ImageError, SimsidError
from simsid.files import atomic_text
from simsid.map_scale import MapScale, map_scale, overlay
from simsid.scoring import UNDECIDED, BatchCheck, RefusedFilm, ScoredFilm, score_films

COLUMNS = (
    *("file", "score", "percentile", "p_value", "verdict"),
    *("false_alarm_rate", "rate_low", "rate_high", "num_normals", "population"),
    *("status", "message"),
)
SCORED = "ok"
ACCEPT = "--accept-out-of-place"


@dataclass(frozen=True)
class MapFiles:
    """Where anomaly maps go: ``<folder>/<path below base>.map.png``, and ``.map.npy`` if asked."""

    folder: Path
    base: Path
    arrays: bool

    def write(
        self, path: Path, image: np.ndarray, anomaly_map: np.ndarray, scale: MapScale
    ) -> None:
        relative = Path(os.path.abspath(path)).relative_to(self.base)
        target = self.folder / relative.parent / f"{relative.name}.map.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(overlay(image, anomaly_map, scale)).save(target)
        if self.arrays:
            np.save(target.with_suffix(".npy"), anomaly_map)


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.score",
        "Score images with a trained model. Higher score = more abnormal. "
        "Research software, not a medical device.",
    )
    add = parser.add_argument
    add("paths", type=str, nargs="+", help="image files, folders (with what lies below), globs")
    add("--model", type=str, required=True, help="run folder, model folder or bundled:NAME")
    add("--out", type=str, required=True, help="CSV file to write")
    add("--maps", type=str | None, default=None, help="folder for an anomaly map of each image")
    add("--map-arrays", action="store_true", help="also write each map as a float32 .npy")
    add("--score", type=str | None, default=None, help="another of the model's scores")
    add(
        ACCEPT,
        action="store_true",
        help="score images that do not look like the training images, with a warning",
    )
    add("--batch-size", type=int, default=32, help="images in one pass")
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to score")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 0 when every file was scored and 1 when some could not be.

    Raises:
        SimsidError, OSError: before anything is scored; for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    if options.batch_size < 1:
        raise SimsidError(f"--batch-size must be at least 1, not {options.batch_size}")
    out, maps_folder = Path(options.out), Path(options.maps) if options.maps else None
    files = find_images(options.paths, skip=maps_folder)
    if not any(file.exists() for file in files):
        raise SimsidError(f"no image found in: {' '.join(options.paths)}")
    detector = load_model(options.model, pick_device(options.device))
    if options.score is not None and options.score not in detector.score_names:
        raise SimsidError(f"--score must be one of: {', '.join(detector.score_names)}")
    if out.is_dir():
        raise SimsidError(f"--out must name a CSV file, {out} is a folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    maps = None
    if maps_folder is not None:
        maps_folder.mkdir(parents=True, exist_ok=True)
        maps = MapFiles(maps_folder, common_folder(files), options.map_arrays)
    failed = 0
    with atomic_text(out) as table:
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        accept = options.accept_out_of_place
        check = BatchCheck(detector, options.score)
        for row in score_files(
            detector, files, options.batch_size, options.score, maps, accept, check
        ):
            writer.writerow(row)
            failed += row["status"] != SCORED
    print(_summary(detector, out, len(files), failed))
    finding = check.finding()
    if finding is not None:
        print(f"warning: {finding.message}")
    return 1 if failed else 0


def score_files(
    detector: Detector,
    files: list[Path],
    batch_size: int = 32,
    score: str | None = None,
    maps: MapFiles | None = None,
    accept_out_of_place: bool = False,
    batch_check: BatchCheck | None = None,
) -> Iterator[dict[str, object]]:
    """A row of ``COLUMNS`` for each file, in order.

    A bad file has its error's code as status and no score, and so has one that is out of place
    and refused for it, unless these are accepted: then its message warns, as for doubtful ones.
    """
    scale = map_scale(detector)
    with tqdm(total=len(files), unit="image", desc="scoring", disable=None, leave=False) as bar:
        for start in range(0, len(files), batch_size):
            batch = files[start : start + batch_size]
            results: dict[Path, ScoredFilm | RefusedFilm] = {}
            films: dict[Path, np.ndarray] = {}
            for file in batch:
                try:
                    films[file] = read_untrusted(file).pixels
                except ImageError as error:
                    results[file] = RefusedFilm.because(error)
            scored = score_films(
                detector, list(films.values()), score, accept_out_of_place, batch_size
            )
            results |= dict(zip(films, scored, strict=True))
            for file in batch:
                result = results[file]
                if batch_check is not None:
                    batch_check.add(result)
                if maps is not None and isinstance(result, ScoredFilm):
                    maps.write(file, result.image, result.anomaly_map, scale)
            bar.update(len(batch))
            yield from (_row(file, results[file]) for file in batch)


def _row(file: Path, result: ScoredFilm | RefusedFilm) -> dict[str, object]:
    """What the table says of a film."""
    row: dict[str, object] = {**dict.fromkeys(COLUMNS, ""), "file": file.as_posix()}
    if isinstance(result, RefusedFilm):
        message = result.message
        if result.out_of_place:
            message = f"{_out_of_place(result)}, or score it all the same with {ACCEPT}"
        return row | {"status": result.code, "message": message}
    low, high = result.rate_interval
    return row | {
        "score": result.score,
        "percentile": "" if result.percentile is None else result.percentile,
        "p_value": "" if result.p_value is None else result.p_value,
        "verdict": result.verdict,
        "false_alarm_rate": result.false_alarm_rate,
        "rate_low": round(low, 4),
        "rate_high": round(high, 4),
        "num_normals": result.num_normals,
        "population": result.population,
        "status": SCORED,
        "message": "; ".join(map(_out_of_place, result.findings)),
    }


def _out_of_place(found: RefusedFilm | Finding) -> str:
    if isinstance(found, Finding) and found.severity == ANOTHER:
        return f"another population: {found.message}"
    return f"out of place ({found.code}): {found.message}"


def _summary(detector: Detector, out: Path, total: int, failed: int) -> str:
    rate = detector.calibration.false_alarm_rate
    lines = [f"{total - failed} of {total} images scored; table: {out}"]
    if failed:
        lines.append(
            f"{failed} could not be read or are out of place: see the columns status and message"
        )
    if not np.isfinite(detector.calibration.threshold(detector.score_names[0])):
        lines.append(
            f"verdicts are '{UNDECIDED}': too few calibration normals for a rate of {rate:.0%}"
        )
    else:
        lines.append(f"'abnormal' is stated at a false-alarm rate of {rate:.0%} of normals")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_command(main))
