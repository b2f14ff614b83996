"""Normal films from files, as a model sees them: what recalibration and examination stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from simsid.data.decode.pool import made_ahead
from simsid.data.film_notes import gather_notes, note_lines
from simsid.data.unreadable import (
    UnreadableFilm,
    UnreadableFilmsError,
    refuse_many,
    unreadable_lines,
)
from simsid.detectors.base import Detector
from simsid.detectors.findings import REFUSE
from simsid.scoring.film import prepare_file, score_batch
from simsid.scoring.results import RefusedFilm, ScoredFilm

_BATCH = 32


@dataclass(frozen=True)
class Normals:
    """What was read.

    Attributes:
        images: prepared for the model, those alone that are in place for it.
        out_of_place: how many others there are.
        told: lines on films that cannot be read, and on what decoders noticed.
        refusals: why those are out of place, each reason once, the most frequent first.
    """

    images: list[Float[np.ndarray, "height width"]]
    out_of_place: int
    told: tuple[str, ...]
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True)
class FormerVerdicts:
    """What a model says of normals before it is recalibrated on them.

    Attributes:
        films: how many were scored. called: above their threshold. no_verdict: without one.
        thresholds: of the model's populations, by name.
    """

    films: int
    called: int
    no_verdict: int
    thresholds: dict[str, float]


def former_verdicts(
    detector: Detector, images: Sequence[Float[np.ndarray, "height width"]]
) -> FormerVerdicts:
    """Judge prepared normals by the model as it is."""
    calibration, name = detector.calibration, detector.score_names[0]
    films = called = no_verdict = 0
    for start in range(0, len(images), _BATCH):  # no film's map outlives its batch
        part = images[start : start + _BATCH]
        for film in score_batch(detector, part, accept_out_of_place=True):
            if isinstance(film, ScoredFilm):
                decided = not film.doubtful and bool(np.isfinite(film.threshold))
                films += 1
                no_verdict += not decided
                called += decided and film.score > film.threshold
    thresholds = {told: calibration.threshold(name, i) for i, told in enumerate(calibration.names)}
    return FormerVerdicts(films, called, no_verdict, thresholds)


def read_normals(
    detector: Detector, files: Sequence[Path], least: int, skip_unreadable: bool = True
) -> Normals:
    """Read all; a few films that cannot be read are gone on without, as in training.

    Args:
        least: images that are needed.
        skip_unreadable: whether up to 2 % of the films may be left out.

    Raises:
        UnreadableFilmsError: more cannot be read, or so many that fewer than ``least`` are left.
    """
    images, failed, noticed = [], [], []
    made = made_ahead([[file] for file in files], partial(prepare_file, detector.preprocessing))
    with closing(made):
        bar = tqdm(made, total=len(files), desc="reading films", disable=None, leave=False)
        for file, (film,) in zip(files, bar, strict=True):
            if isinstance(film.image, RefusedFilm):
                failed.append(UnreadableFilm(file, film.image.code, film.image.message))
            else:
                images.append(film.image)
                noticed.append((file.name, film.warnings))
    refuse_many(failed, len(files), skip_unreadable)
    kept, refused = in_place(detector, images)
    if len(kept) < least <= len(kept) + len(failed):
        raise UnreadableFilmsError(
            failed, len(files), f"{len(kept)} are left, at least {least} are needed"
        )
    lines = [*unreadable_lines(failed), *note_lines(gather_notes(noticed), len(files))]
    refusals = tuple(reason for reason, _ in refused.most_common())
    return Normals(kept, len(images) - len(kept), tuple(lines), refusals)


def in_place(
    detector: Detector, images: Sequence[Float[np.ndarray, "height width"]]
) -> tuple[list[Float[np.ndarray, "height width"]], Counter[str]]:
    """Those that the model can score, and why not the others: each one's first reason, counted."""
    kept: list[np.ndarray] = []
    refused: Counter[str] = Counter()
    for start in range(0, len(images), 64):
        part = images[start : start + 64]
        found = detector.placement.findings(detector.as_batch(np.stack(part)).to(detector.device))
        for image, findings in zip(part, found, strict=True):
            reasons = [finding.message for finding in findings if finding.severity == REFUSE]
            if reasons:
                refused.update(reasons[:1])
            else:
                kept.append(image)
    return kept, refused


def too_few_told(source: str, normals: Normals, needed: int) -> str:
    """Why these films are not enough, a line for an error."""
    held, out = len(normals.images), normals.out_of_place
    reason = normals.refusals[0] if normals.refusals else ""
    if out and not held:
        return f"{source}: {out} images, all refused: {reason}"
    refused = f"; {out} were refused: {reason}" if out else ""
    return f"{source} holds {held} films that this model can score, at least {needed} are needed{refused}"
