"""The ceiling of a data set: trained with labels some seeds long, then measured once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from simsid.benchmark.ceiling.learn import learn, steps_for
from simsid.benchmark.ceiling.records import Ceiling
from simsid.benchmark.records import Spread
from simsid.benchmark.summary import spread_of_seeds
from simsid.data.choice import DataChoice
from simsid.data.datasets import LabelledImages, RadiographData
from simsid.data.image_kind import Films, kind_of
from simsid.data.labelled_training import training_abnormals
from simsid.evaluation.blocks import Section, Table, number
from simsid.evaluation.bootstrap import auroc_resamples, interval_of
from simsid.evaluation.metrics import auroc
from simsid.evaluation.provenance import kit_commit

TITLE = "How much these films hold"
_WORDS = (
    "A ceiling, not a method: a small network trained *with* labels on the same training folder, "
    "normal and abnormal, in about a minute. It is not ranked and cannot be chosen as a detector. What "
    "stands between a row of the tables and this number could be had with labels; a ceiling below a "
    "row says that so few labels in a minute teach less than that method does."
)
_HEADER = ("data", "split", "normals", "abnormals", "measured", "AUROC", "steps", "seconds")


def measure_ceiling(
    choice: DataChoice,
    data: RadiographData,
    part: str,
    labelled: LabelledImages,
    seeds: int,
    say: Callable[[str], object] = lambda line: None,
    steps: int | None = None,
) -> Ceiling:
    """Train on the training side's normals and abnormals, then read the labels of ``part`` once.

    Args:
        choice: what ``data`` was loaded from. labelled: its ``part``.
        seeds: trainings.
        say: is told what happens.
        steps: of each training; None for about a minute on one thread.

    Raises:
        DataError: there are no abnormal images to learn from; the message says why.
    """
    abnormals, source = training_abnormals(choice, data)
    mirrored = isinstance(kind_of(data.facts), Films)
    steps = steps or steps_for(data.image_size)
    say(f"{data.name}: {len(data.train)} normals and {len(abnormals)} abnormals, {source}")
    scores, seconds, parameters = [], 0.0, 0
    for seed in range(seeds):
        learned = learn(data.train, abnormals, seed, mirrored, steps)
        say(f"{data.name}: seed {seed} took {learned.seconds:.0f} s")
        scores.append(learned.score(labelled.images))
        seconds += learned.seconds / seeds
        parameters = sum(weights.numel() for weights in learned.network.parameters())
    labels = labelled.labels.astype(np.int64)
    split = data.facts.get("split")
    return Ceiling(
        dataset=data.name,
        fingerprint=data.fingerprint,
        part=part,
        split=None if split is None else str(split),
        normals=len(data.train),
        abnormals=len(abnormals),
        abnormals_from=source,
        measured_normals=int((labels == 0).sum()),
        measured_abnormals=int((labels == 1).sum()),
        auroc=_spread(labels, scores),
        steps=steps,
        seconds=seconds,
        parameters=parameters,
        commit=kit_commit(),
    )


def _spread(labels: np.ndarray, scores: Sequence[np.ndarray]) -> Spread:
    areas = [auroc(labels, row) for row in scores]
    drawn = np.mean([auroc_resamples(labels, row) for row in scores], axis=0)
    return replace(spread_of_seeds([a for a in areas if a is not None]), ci=interval_of(drawn))


def ceiling_section(found: Sequence[Ceiling]) -> Section:
    """The section of a page: a row for each data set, and what it is."""
    rows = tuple(
        (each.dataset, each.split or "n/a", str(each.normals), str(each.abnormals),
         f"{each.measured_normals} and {each.measured_abnormals} of {each.part}",
         each.auroc.told(interval=True), str(each.steps), number(each.seconds, 0))
        for each in found
    )  # fmt: skip
    sources = {each.abnormals_from: None for each in found}
    told = f"The abnormals are {'; '.join(sources)}. Nothing was chosen on the measured part."
    return Section(TITLE, (_WORDS, Table(_HEADER, rows), told))
