"""What an export in 8 bits is made from and judged by: normals, and labelled films where there are some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from simsid.data.class_folders import refuse_class_folders
from simsid.data.find import find_images, why_none
from simsid.data.options import naming_unreadable
from simsid.data.own_files import without_own
from simsid.data.sets.folder import NORMAL_NAMES
from simsid.detectors import Detector
from simsid.detectors.recalibration import LEAST
from simsid.errors import SimsidError
from simsid.evaluation.evaluate import predict_in_batches
from simsid.evaluation.metrics import auroc
from simsid.export.compare import BATCHES, shortest_seconds, silent
from simsid.export.detector import ExportedDetector
from simsid.files import real_path
from simsid.scoring.normals import read_normals, too_few_told
from synth.walk import folders_in

MOST_MOVED = 0.002  # of the AUROC, by 8 bits
FAR = 1.0  # of the normals' spread: a film whose score moves further is told
_SHOWN = 8


@dataclass(frozen=True)
class Int8Films:
    """Where the films of an export in 8 bits are.

    Attributes:
        normals: folder of normal films, which give the ranges of what flows between layers.
        labelled: folder with a folder ``normal`` and one for each kind of abnormal films; None:
            verdicts are counted on ``normals``, and no AUROC is told.
    """

    normals: Path
    labelled: Path | None = None


@dataclass(frozen=True)
class Int8Report:
    """What 8 bits change, beside the same graph in float32.

    Attributes:
        normals, abnormals: how many films were scored. layers: that compute in integers.
        own: whether a film among the normals gave the ranges, too.
        auroc: of the default score, (float32, 8 bits); None without labels.
        largest, median: difference of the default score, of the spread of those normals that the
            film is judged by. of_normals: the largest among normals.
        moved: the score that differs most, (float32, 8 bits).
        far: films whose score differs by more than ``FAR``.
        flips: films above the threshold by one graph and not by the other.
        seconds: for 1 and for 32 films, (torch, float32, 8 bits).
        megabytes: of the graph, (float32, 8 bits).
        left_out: lines on films that were not compared, and why.
    """

    normals: int
    abnormals: int
    layers: int
    own: bool
    auroc: tuple[float, float] | None
    largest: float
    of_normals: float
    moved: tuple[float, float]
    far: int
    median: float
    flips: int
    seconds: dict[int, tuple[float, ...]]
    megabytes: tuple[float, float]
    left_out: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """As Markdown."""
        films = f"{self.normals} normals" + (
            f" and {self.abnormals} abnormal films" if self.abnormals else ""
        )
        if self.own:
            films += ", of which some or all gave the ranges: other films may differ more"
        lines = [
            f"{self.layers} layers compute in 8-bit integers; statistics, score and p-value in "
            f"floating point. Against the same graph in float32, on {films}:",
            "",
            "| | float32 | 8 bits |",
            "|---|---|---|",
        ]
        if self.auroc:
            lines.append(f"| AUROC | {self.auroc[0]:.4f} | {self.auroc[1]:.4f} |")
        lines.append(f"| size on disk, MB | {self.megabytes[0]:.1f} | {self.megabytes[1]:.1f} |")
        return [
            *lines,
            "",
            f"The score differs by at most {self.largest:.2f} of the normals' spread (from "
            f"{self.moved[0]:.3g} to {self.moved[1]:.3g}; among normals by at most {self.of_normals:.2f}), "
            f"by {self.median:.3f} in the median, and by more than {FAR:g} in {self.far} of "
            f"{self.normals + self.abnormals} films; {self.flips} of "
            f"{self.normals + self.abnormals} verdicts differ.",
            *(f"\n{line}" for line in self.left_out),
            "",
            "Time:",
            "",
            "| | torch | float32 | 8 bits |",
            "|---|---|---|---|",
            *(
                f"| {count} film{'s' * (count > 1)}, ms | "
                + " | ".join(f"{1e3 * each:.1f}" for each in told)
                + " |"
                for count, told in self.seconds.items()
            ),
            *([f"\n{slower}"] if (slower := self._slower()) else []),
        ]

    def _slower(self) -> str:
        """Which batches take longer in 8 bits, where any does."""
        counts = [count for count, (_, plain, rounded) in self.seconds.items() if rounded > plain]
        if not counts:
            return ""
        said = " and ".join("one film" if count == 1 else f"{count} films" for count in counts)
        one = counts == [1]
        return (
            f"{said.capitalize()} take{'s' * one} longer in 8 bits than in float32 on this machine."
        )

    def warnings(self) -> list[str]:
        """What somebody who would use the graph must know, a line each."""
        told = []
        if self.auroc and abs(self.auroc[1] - self.auroc[0]) > MOST_MOVED:
            told.append(
                f"8 bits move the AUROC by {self.auroc[1] - self.auroc[0]:+.4f}, more than "
                f"{MOST_MOVED:g}: give more normals, or export without --int8"
            )
        if self.far:
            told.append(
                f"8 bits move the score of {self.far} of {self.normals + self.abnormals} films by more "
                f"than {FAR:g} of the normals' spread, at most by {self.largest:.1f} (from "
                f"{self.moved[0]:.3g} to {self.moved[1]:.3g}): compare its scores, ranks and maps only with "
                "each other, not with those of float32"
            )
        if self.flips:
            told.append(
                f"8 bits change {self.flips} of {self.normals + self.abnormals} verdicts: thresholds "
                "were calibrated in float32"
            )
        return told


@dataclass(frozen=True)
class ReadFilms:
    """Prepared for the model; see ``Int8Films``.

    Attributes:
        normals: give the ranges. judged: films to compare on. abnormal: which of them are.
        own: whether a film is among both. left_out: lines on films that are in neither, and why.
    """

    normals: Float[np.ndarray, "n height width"]
    judged: Float[np.ndarray, "m height width"]
    abnormal: Bool[np.ndarray, " m"]
    own: bool
    left_out: tuple[str, ...]


def read_films(detector: Detector, films: Int8Films) -> ReadFilms:
    """Read all of them.

    Raises:
        SimsidError: there are none, too few, or too many that cannot be read.
    """
    files = _files(films.normals)
    refuse_class_folders(films.normals, files)
    normals, left_out = _read(detector, films.normals, files, LEAST, "to take ranges from")
    if films.labelled is None:
        return ReadFilms(normals, normals, np.zeros(len(normals), bool), True, tuple(left_out))
    parts: dict[str, np.ndarray] = {}
    ranges, own = {real_path(file) for file in files}, False
    for kind in folders_in(films.labelled):
        files = _files(kind)
        own |= any(real_path(file) in ranges for file in files)
        parts[kind.name], told = _read(detector, kind, files, 1, "to compare on")
        left_out += [f"{kind.name}: {line}" for line in told]
    is_normal = {name: name.lower() in NORMAL_NAMES for name in parts}
    if len(set(is_normal.values())) < 2:
        found = ", ".join(f"{name}/" for name in list(parts)[:_SHOWN]) or "no folders"
        raise SimsidError(
            f"{films.labelled} needs a folder normal (or good) and one of abnormal films beside it; "
            f"found {found}"
        )
    abnormal = np.concatenate(
        [np.full(len(images), not is_normal[name]) for name, images in parts.items()]
    )
    judged = np.concatenate(list(parts.values()))
    return ReadFilms(normals, judged, abnormal, own, tuple(left_out))


def _files(folder: Path) -> list[Path]:
    files = without_own(find_images([str(folder)]))
    if not any(file.exists() for file in files):
        raise SimsidError(why_none([str(folder)]))
    return files


def _read(
    detector: Detector, folder: Path, files: list[Path], least: int, what_for: str
) -> tuple[Float[np.ndarray, "n height width"], list[str]]:
    """The films that get a verdict, and a line for each reason why others do not."""
    with naming_unreadable():
        read = read_normals(detector, files, least, seen=True)
    if len(read.images) < least:
        raise SimsidError(too_few_told(str(folder), read, least, what_for))
    images = detector.as_batch(np.stack(read.images)).numpy()[:, 0]
    return images, [*read.told, *read.left_out_told()]


def measure(
    detector: Detector,
    exported: ExportedDetector,
    rounded: ExportedDetector,
    films: ReadFilms,
    layers: int,
    megabytes: tuple[float, float],
    begin: Callable[[str], None] = silent,
) -> Int8Report:
    """Score the films by the graph in float32 (``exported``) and by that in 8 bits (``rounded``).

    Args:
        begin: is told each stage in words, as it begins.
    """
    name, calibration = detector.score_names[0], detector.calibration
    known = "labelled" if films.abnormal.any() else "normal"
    begin(f"measuring what 8 bits change on {len(films.judged)} {known} films")
    told = [predict_in_batches(model, films.judged) for model in (exported, rounded)]
    spreads = np.array([calibration.spread(name, i) for i in range(len(calibration.names))])
    whose = 0 if told[0].population is None else told[0].population
    apart = np.abs(told[1].score - told[0].score) / spreads[whose]
    most = int(apart.argmax())
    above = [calibration.is_abnormal(name, each.score, each.population) for each in told]
    begin("timing torch and both graphs")
    before, after = (auroc(films.abnormal.astype(int), each.score) for each in told)
    return Int8Report(
        normals=int((~films.abnormal).sum()),
        abnormals=int(films.abnormal.sum()),
        layers=layers,
        own=films.own,
        auroc=None if before is None or after is None else (before, after),
        largest=float(apart.max()),
        of_normals=float(apart[~films.abnormal].max()),
        moved=(float(told[0].score[most]), float(told[1].score[most])),
        far=int((apart > FAR).sum()),
        median=float(np.median(apart)),
        flips=int((above[0] != above[1]).sum()),
        seconds={
            count: shortest_seconds((detector, exported, rounded), _repeated(films.judged, count))
            for count in BATCHES
        },
        megabytes=megabytes,
        left_out=films.left_out,
    )


def _repeated(films: np.ndarray, count: int) -> np.ndarray:
    return films[np.arange(count) % len(films)]
