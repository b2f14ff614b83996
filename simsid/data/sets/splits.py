"""Who goes where: films to the four parts by patient, fixed by a seed and by nothing else.

A patient's place follows from a hash of the split seed and the patient's name, so it depends
neither on the order of files nor on the seed of training.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from simsid.data.film import Film
from simsid.data.films import MIN_TRAIN
from simsid.errors import DataError

MIN_CALIBRATION = 40
CALIBRATION_SHARE = 0.1
# Of a small set, a plan in counts takes no larger shares: some stay to train on, and for the pool.
_MOST_NORMALS, _MOST_ABNORMALS = 0.25, 0.5


@dataclass(frozen=True)
class Plan:
    """How many films each part takes.

    Numbers of 1 and more count films, smaller ones are shares of those that can be drawn from.

    Attributes:
        train: normals to train on, calibration included; None for all that are left.
        validation: (normals, abnormals) to draw; None takes the part that the authors made, whole.
        test: the same; drawn from the authors' test part where there is one, else from training.
        view: that this protocol is about, 'any', 'PA' or 'AP'.
        redraw: whether validation is drawn even where the authors made such a part, which then
            joins training.
    """

    train: int | None = None
    validation: tuple[float, float] | None = None
    test: tuple[float, float] | None = None
    view: str = "any"
    redraw: bool = True


@dataclass(frozen=True)
class Split:
    """Films in their parts.

    Attributes:
        films: of all parts; abnormal ones that neither validation nor test took are the 'pool'.
        calibration_from: where the calibration normals come from, in words.
        left_out: reasons and how many films each cost.
        notes: what a user should know of the choice, a sentence each.
    """

    films: list[Film]
    calibration_from: str
    left_out: dict[str, int]
    notes: tuple[str, ...] = ()


def split_films(
    films: Iterable[Film], plan: Plan, seed: int = 0, held_out: Collection[str] = ()
) -> Split:
    """Place films whose ``part`` is so far what their authors say: train, validation or test.

    A patient who stands on two of the authors' sides stays in test (else in validation) only.
    Training, calibration and drawn normals come from patients without any abnormal film on the
    training side. Calibration is half of the normals in the authors' validation part when those
    are at least 40, else a tenth of the training normals, at least 40 where there are 200.

    Args:
        held_out: normal patients of the training side who are all the normals of validation; they
            take no part in calibration.

    Raises:
        DataError: fewer than 10 normals are left to train on.
    """
    left_out: Counter[str] = Counter()
    sides = _separate(films, plan, left_out)
    draw = _Draw(sides["train"], seed)
    placed = sides["test"]
    wanted: dict[str, tuple[float, float]] = {}
    if plan.validation is not None and not sides["validation"]:
        wanted["validation"] = plan.validation
    if plan.test is not None and sides["test"]:
        placed = _Draw(sides["test"], seed).part("test", plan.test)
        left_out["test films that the split does not need"] += len(sides["test"]) - len(placed)
    elif plan.test is not None:
        wanted = {"test": plan.test} | wanted
    for part, counts in _fitting(wanted, draw).items():
        placed = placed + draw.part(part, counts)
    for patient in held_out:
        placed = placed + _place([draw.normals.pop(patient, [])], "validation", 0)
    taken = draw.take(draw.normals, plan.train)
    source, validation, train = _calibrate(sides["validation"], taken, seed)
    placed = placed + validation + train + _place(draw.abnormals.values(), "pool", 1)
    left_out["normal films of patients with abnormal ones"] += sum(
        not film.label and film.patient in draw.sick for film in sides["train"]
    )
    left_out["normal films beyond the split"] += sum(map(len, draw.normals.values()))
    found = sum(film.part == "train" for film in placed)
    if found < MIN_TRAIN:
        held = sum(film.part == "calibration" for film in train)
        needed = MIN_TRAIN + next(
            spare for spare in range(MIN_TRAIN) if spare >= _to_calibrate(MIN_TRAIN + spare)
        )
        raise DataError(
            f"{found + held} normal films are left to train on; at least "
            f"{needed if held else MIN_TRAIN} are needed"
            + (", some of them to calibrate with" if held else "")
            + f"{_why(left_out)}: add normal films"
        )
    return Split(placed, source, {why: count for why, count in left_out.items() if count})


def _why(left_out: Counter[str]) -> str:
    """What was left out, in brackets; nothing where all was used."""
    told = "; ".join(f"{count} {why}" for why, count in left_out.items() if count)
    return f" (left out: {told})" if told else ""


def by_patient(films: Iterable[Film], seed: int) -> dict[str, list[Film]]:
    """Films of each patient, patients in the order of their hashes."""
    patients: dict[str, list[Film]] = defaultdict(list)
    for film in films:
        patients[film.patient].append(film)
    return {name: patients[name] for name in sorted(patients, key=lambda name: _hash(name, seed))}


class _Draw:
    """Patients who can still be drawn: wholly normal ones, and those with an abnormal film."""

    def __init__(self, films: Sequence[Film], seed: int) -> None:
        patients = by_patient(films, seed)
        self.sick = {name for name, own in patients.items() if any(film.label for film in own)}
        self.normals = {name: own for name, own in patients.items() if name not in self.sick}
        self.abnormals = {
            name: [film for film in own if film.label]
            for name, own in patients.items()
            if name in self.sick
        }

    def part(self, name: str, counts: tuple[float, float]) -> list[Film]:
        """Draw (normals, abnormals) for a part."""
        normals = _place(self.take(self.normals, counts[0]), name, 0)
        return normals + _place(self.take(self.abnormals, counts[1]), name, 1)

    @staticmethod
    def take(patients: dict[str, list[Film]], wanted: float | None) -> list[list[Film]]:
        """Remove whole patients until ``wanted`` films are had; who would be too many is passed."""
        size = sum(map(len, patients.values()))
        if wanted is None:
            wanted = size
        wanted = round(wanted * size) if wanted < 1 else wanted
        taken: list[list[Film]] = []
        for name in list(patients):
            if len(patients[name]) <= wanted:
                wanted -= len(patients[name])
                taken.append(patients.pop(name))
        return taken


def _place(patients: Iterable[Iterable[Film]], part: str, label: int) -> list[Film]:
    films = [film for own in patients for film in own if film.label == label]
    return [dataclasses.replace(film, part=part) for film in films]


def _separate(films: Iterable[Film], plan: Plan, left_out: Counter[str]) -> dict[str, list[Film]]:
    """The authors' sides without patients who stand on two of them."""
    sides: dict[str, list[Film]] = {"test": [], "validation": [], "train": []}
    for film in films:
        joins = film.part == "validation" and plan.validation is not None and plan.redraw
        sides["train" if joins else film.part].append(film)
    known: set[str] = set()
    for side, own in sides.items():
        kept = [film for film in own if film.patient not in known]
        left_out["films of patients who are in test or validation too"] += len(own) - len(kept)
        known |= {film.patient for film in own}
        sides[side] = kept
    return sides


def _fitting(wanted: dict[str, tuple[float, float]], draw: _Draw) -> dict[str, tuple[float, float]]:
    """Counts that a small set can bear: all parts shrink alike, shares stay."""
    limits = (
        _MOST_NORMALS * sum(map(len, draw.normals.values())),
        _MOST_ABNORMALS * sum(map(len, draw.abnormals.values())),
    )
    fitting = []
    for column, limit in enumerate(limits):
        total = sum(counts[column] for counts in wanted.values() if counts[column] >= 1)
        scale = min(1.0, limit / total) if total else 1.0
        fitting.append(
            {
                part: counts[column] if counts[column] < 1 else max(1, int(counts[column] * scale))
                for part, counts in wanted.items()
            }
        )
    return {part: (fitting[0][part], fitting[1][part]) for part in wanted}


def _calibrate(
    validation: list[Film], train: list[list[Film]], seed: int
) -> tuple[str, list[Film], list[Film]]:
    """Where from, what stays in validation, and training with calibration."""
    normals = by_patient([film for film in validation if not film.label], seed)
    sick = {film.patient for film in validation if film.label}
    healthy = {name: own for name, own in normals.items() if name not in sick}
    available = sum(map(len, healthy.values()))
    if available >= MIN_CALIBRATION:
        chosen = {own[0].patient for own in _Draw.take(healthy, available // 2)}
        moved = [
            dataclasses.replace(film, part="calibration" if film.patient in chosen else film.part)
            for film in validation
        ]
        return "half of the normals in validation", moved, _place(train, "train", 0)
    count = sum(map(len, train))
    wanted = _to_calibrate(count)
    patients = {own[0].patient: own for own in train}
    calibration = _Draw.take(patients, wanted)
    placed = _place(calibration, "calibration", 0) + _place(list(patients.values()), "train", 0)
    return f"{sum(map(len, calibration))} of {count} training normals", validation, placed


def _to_calibrate(count: int) -> int:
    """How many of so many training normals calibrate."""
    return max(round(CALIBRATION_SHARE * count), min(MIN_CALIBRATION, count // 5), 1)


def training_normals_for(calibrating: int) -> int:
    """How many training normals it takes for so many of them to calibrate."""
    return next(n for n in itertools.count(calibrating) if _to_calibrate(n) >= calibrating)


def _hash(patient: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}|{patient}".encode("utf-8", "surrogateescape")).hexdigest()
