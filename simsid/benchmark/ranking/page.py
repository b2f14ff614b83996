"""The page of the ranking, in Markdown: tables, plots, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simsid.benchmark.ceiling.measure import ceiling_section
from simsid.benchmark.ceiling.records import Ceiling
from simsid.benchmark.made import commits_text, made_section, versions_text
from simsid.benchmark.public import panels_file
from simsid.benchmark.ranking.records import Described, Entry, RunSettings
from simsid.benchmark.ranking.tables import (
    cost_table,
    overview_table,
    parts_table,
    quality_table,
)
from simsid.benchmark.record_files import plain
from simsid.evaluation.blocks import Picture, Section, Table
from simsid.evaluation.provenance import short_commit
from simsid.evaluation.render import to_markdown
from simsid.terminal import code

_WORDS = (
    "Highest mean AUROC first; rows that lack seeds come after the others. ± is the standard "
    "deviation over training seeds; intervals are 95 % bootstrap intervals over the measured images, "
    "of the mean over seeds (CSV and JSON have them for the other numbers and for each kind too). "
    "Sensitivity, F1 and false alarms are at the threshold that calibration normals set for the "
    "stated rate; *oracle sensitivity* is at exactly that rate of the measured normals, which nobody "
    "has who scores a film: it compares rows, no more.",
)
_AGAINST = (
    "*Minus {}*: the difference to the reference, {}, "
    "paired by seed and image; interval (of one comparison) and p (two-sided, adjusted for the "
    "number of rows by Holm's method) cover images and seeds. *Minus* another model, where there is "
    "such a column: to the best row, which was picked by these very numbers, so it favours that "
    "row a little. One seed gives no p."
)
_OVERVIEW = (
    "AUROC on each data set, the highest mean of them first; seconds and images a second are given "
    "in the order of the columns."
)
_COST_WORDS = (
    "Training seconds are those of the loop and of what follows it, without reading data and "
    "calibration, but with some ten seconds that every method takes alike to learn which films are "
    "out of place; memory is the peak of the whole process with Python and torch in it. A "
    "training that was interrupted and resumed has neither; '(2 of 3)' says how many seeds a number is of.",
)
_PARTS_WORDS = (
    "Every score that a method offers, by itself (`--score NAME`); the first is its default, which "
    "the tables above rank. Picking the best of them here would be picking on these labels."
)
_COMMAND_WORDS = "Each command trains one seed of its row; the other seeds differ in --seed alone."
_COST_CAPTION = "Quality against cost. Blue: no other method is both better and cheaper."
_COMMANDS = ("data", "model", "command", "commit")
_LIMITS = (
    "Each method trains at its own numbers of the preset: neither steps nor parameters are equal. "
    "A method that needs long training or pretrained features is worth more than `quick` shows.",
    "Below 0.5 no sign is wrong: such a method finds normals stranger than abnormals, and a sign is never "
    "turned on labels.",
    "With few calibration normals a threshold is one of the highest of them: compare rows by AUROC or "
    "oracle sensitivity then. *multiple*: films with more than one finding.",
    "Intervals cover the measured images and, through ±, the training seed; not another hospital.",
)


def ranking_page(
    folder: Path,
    settings: RunSettings,
    data: dict[str, Described],
    entries: dict[str, list[Entry]],
    reference: tuple[str, str],
    note: str,
    commands: Sequence[str],
    ceilings: Sequence[Ceiling] = (),
) -> str:
    """The page in Markdown.

    Args:
        folder: where the plots lie and the page will.
        settings: of the runs. data: what is known of each data set.
        entries: of ``rank``, by data set.
        reference: the model that others are compared with, and how it came to be.
        note: for readers, first among the limits. commands: what was typed.
        ceilings: what labels reach on the data sets, in a section of their own.
    """
    every = [entry for found in entries.values() for entry in found]
    sections = [_section(folder, name, data[name], found, reference[0])
                for name, found in entries.items()]  # fmt: skip
    commits = sorted({commit for entry in every for commit in entry.commits})
    made = {
        **plain(settings),
        **({"command": commands} if commands else {}),
        "rows made with commit": ", ".join(commits),
        "report made with commit": commits_text(),
        "versions": versions_text(),
    }
    plots = (
        Picture(folder / "roc.png", "ROC curves and areas, means over seeds."),
        Picture(folder / "kinds.png", "AUROC by kind of anomaly, mean over seeds."),
        Picture(
            folder / "cost.png",
            _COST_CAPTION,
        ),
    )
    mixed = [
        f"The seeds of {e.model} on {e.dataset} were made by different commits of the kit: "
        f"{', '.join(map(short_commit, e.commits))}."
        for e in every if len(e.commits) > 1
    ]  # fmt: skip
    typed = tuple(
        (e.dataset, e.model, code(e.command), ", ".join(map(short_commit, e.commits)))
        for e in every if e.command
    )  # fmt: skip
    sections += [ceiling_section(ceilings)] if ceilings else []
    sections += [
        Section("Plots", plots),
        Section("Limits", (*filter(None, [note]), *mixed, *_LIMITS)),
        Section("Commands", (_COMMAND_WORDS, Table(_COMMANDS, typed))),
        made_section(made),
    ]
    title = f"Benchmark at the {settings.preset} preset"
    first = Section("How to read the tables", (*_WORDS, _AGAINST.format(*reference), *_COST_WORDS))
    words = "Research software, not a medical device. Unsupervised: trained on normals only."
    overview = [Section("Overview", (_OVERVIEW, overview_table(entries)))] * (len(entries) > 1)
    return to_markdown(title, words, [*overview, first, *sections], folder)


def _section(
    folder: Path, name: str, about: Described, found: list[Entry], reference: str
) -> Section:
    normals = about.labels.count(0)
    words = (
        f"{about.train} normals to train, {about.calibration} to calibrate, "
        f"{normals} normals and {len(about.labels) - normals} abnormals of the "
        f"{about.part} part measured; {about.image_size[0]}x{about.image_size[1]} px, "
        f"data {about.fingerprint}."
    )
    panels = Picture(
        folder / panels_file(name),
        "The same images by every method, its map on its own fixed scale; below: p-value.",
    )
    tables = quality_table(found, reference), cost_table(found), _PARTS_WORDS, parts_table(found)
    return Section(name, (words, *tables, panels))
