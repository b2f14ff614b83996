"""Normal films from files, as a model sees them: what recalibration and examination stand on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
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
from simsid.detectors.unusual_before import AboveBefore
from simsid.detectors.usable_normals import SEEN, left_out_in_words, usable_normals
from simsid.scoring.film import prepare_file, score_batch
from simsid.scoring.results import RefusedFilm, ScoredFilm
from simsid.shares import of_all

_BATCH = 32


@dataclass(frozen=True)
class Normals:
    """What was read.

    Attributes:
        images: prepared for the model, those alone that may set its thresholds.
        told: lines on films that cannot be read, and on what decoders noticed.
        left_out: how many others there are for each reason, the most frequent first.
    """

    images: list[Float[np.ndarray, "height width"]]
    told: tuple[str, ...]
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def num_left_out(self) -> int:
        """How many films were read and may set no threshold, for whatever reason."""
        return sum(self.left_out.values())

    def left_out_told(self) -> list[str]:
        """A line for each reason."""
        return [
            f"{'warning: ' if reason == SEEN else ''}left out: {count} "
            f"film{'' if count == 1 else 's'}, {reason}"
            for reason, count in self.left_out.items()
        ]


@dataclass(frozen=True)
class FormerVerdicts:
    """What a model says of normals before it is recalibrated on them.

    Attributes:
        films: how many were scored. called: above their threshold. no_verdict: without one.
        thresholds: of the model's populations, by name.
        judged: films with a verdict, of each of these populations.
    """

    films: int
    called: int
    no_verdict: int
    thresholds: dict[str, float]
    judged: tuple[int, ...]

    @property
    def above(self) -> AboveBefore:
        """What ``recalibrate`` asks of it."""
        return AboveBefore(self.called, self.judged)

    def in_words(self) -> str:
        """'4 of 19 (21 %); 2 more had no verdict'."""
        more = f"; {self.no_verdict} more had no verdict" if self.no_verdict else ""
        return f"{of_all(self.called, self.films - self.no_verdict)}{more}"


def former_verdicts(
    detector: Detector, images: Sequence[Float[np.ndarray, "height width"]]
) -> FormerVerdicts:
    """Judge prepared normals by the model as it is."""
    calibration, name = detector.calibration, detector.score_names[0]
    films = called = no_verdict = 0
    judged = dict.fromkeys(calibration.names, 0)
    for start in range(0, len(images), _BATCH):  # no film's map outlives its batch
        part = images[start : start + _BATCH]
        for film in score_batch(detector, part, accept_out_of_place=True):
            if isinstance(film, ScoredFilm):
                decided = not film.doubtful and bool(np.isfinite(film.threshold))
                films += 1
                no_verdict += not decided
                judged[film.population] += decided
                called += decided and film.score > film.threshold
    thresholds = {told: calibration.threshold(name, i) for i, told in enumerate(calibration.names)}
    return FormerVerdicts(films, called, no_verdict, thresholds, tuple(judged.values()))


def read_normals(
    detector: Detector,
    files: Sequence[Path],
    least: int,
    skip_unreadable: bool = True,
    same_populations: bool = False,
    seen: bool = False,
) -> Normals:
    """Read all; a few films that cannot be read are gone on without, as in training.

    Args:
        least: images that are needed.
        skip_unreadable: whether up to 2 % of the films may be left out.
        same_populations: whether films of another population are left out, see ``usable_normals``.
        seen: whether films that training saw may be among them.

    Raises:
        UnreadableFilmsError: more cannot be read, or so many that fewer than ``least`` are left.
    """
    images, names, failed, noticed = [], [], [], []
    made = made_ahead([[file] for file in files], partial(prepare_file, detector.preprocessing))
    with closing(made):
        bar = tqdm(made, total=len(files), desc="reading films", disable=None, leave=False)
        for file, (film,) in zip(files, bar, strict=True):
            if isinstance(film.image, RefusedFilm):
                failed.append(UnreadableFilm(file, film.image.code, film.image.message))
            else:
                images.append(film.image)
                names.append(str(file))
                noticed.append((file.name, film.warnings))
    refuse_many(failed, len(files), skip_unreadable)
    kept, left_out = may_set_a_threshold(detector, images, same_populations, seen, names)
    if len(kept) < least <= len(kept) + len(failed):
        raise UnreadableFilmsError(
            failed, len(files), f"{len(kept)} are left, at least {least} are needed"
        )
    lines = [*unreadable_lines(failed), *note_lines(gather_notes(noticed), len(files))]
    return Normals(kept, tuple(lines), left_out)


def may_set_a_threshold(
    detector: Detector,
    images: Sequence[Float[np.ndarray, "height width"]],
    same_populations: bool = False,
    seen: bool = False,
    names: Sequence[str] = (),
) -> tuple[list[Float[np.ndarray, "height width"]], dict[str, int]]:
    """The ``usable_normals`` of prepared films, and how many others there are for each reason."""
    if not images:
        return [], {}
    batch = detector.as_batch(np.stack(images))
    usable = usable_normals(detector, batch, same_populations, seen, names)
    kept = [image for image, good in zip(images, usable.kept, strict=True) if good]
    return kept, usable.left_out


def too_few_told(
    source: str, normals: Normals, needed: int, what_for: str = "to set a threshold of this model"
) -> str:
    """Why these films are not enough for what they are for, a line for an error."""
    held, out = len(normals.images), normals.num_left_out
    reasons = left_out_in_words(normals.left_out)
    if out and not held:
        return (
            f"{source}: {out} image{'' if out == 1 else 's'}, all left out: {reasons}. Give at least "
            f"{needed} other normal films, or take the model that these belong to"
        )
    films = "1 film" if held == 1 else f"{held} films"
    rest = f"; left out: {reasons}" if out else ""
    return f"{source} holds {films} {what_for}, at least {needed} are needed{rest}. Give more normal films"
