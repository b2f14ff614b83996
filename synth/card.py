"""The data-set card: README.md of a generated data set, with Hugging Face front matter."""

from collections import Counter
from collections.abc import Mapping

from synth.config import AnatomyConfig
from synth.factors import COLUMNS
from synth.layouts import LAYOUTS
from synth.plan import DatasetConfig
from synth.population import NEUTRAL

_LICENSES = {"strokes": "apache-2.0", "optdigits": "cc-by-4.0", "mnist": "cc-by-sa-3.0"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_SOURCES = {
    "strokes": "a built-in stroke model of handwriting",
    "optdigits": "scikit-learn's optdigits (Alpaydin and Kaynak, UCI, CC BY 4.0)",
    "mnist": "MNIST (LeCun, Cortes and Burges, CC BY-SA 3.0)",
}


def write_card(
    config: DatasetConfig, records: list[dict], words: Mapping[str, str], digest: str
) -> str:
    """Compose the card's text.

    Args:
        config: the data set's parameters.
        records: of all samples, as :class:``synth.encode.Encoded`` holds them.
        words: what each kind is, as :attr:``synth.anatomy.DigitAnatomy.words`` has them.
        digest: sha256 of all pixels.

    Returns:
        Markdown with front matter.
    """
    anatomy = config.anatomy
    counts = Counter((record["split"], record["kind"]) for record in records)
    table = "\n".join(f"| {split} | {kind} | {count} |" for (split, kind), count in counts.items())
    source = " and ".join(
        _SOURCES.get(name, f"the glyphs of {_code(name)}") for name in sources(anatomy)
    )
    height, width = anatomy.shape
    shown = {record["kind"]: record["factors"]["family"] for record in records if record["label"]}
    track = f"track {config.track}, " if config.track else ""
    kinds = "\n".join(f"- **{kind}** ({shown[kind]}): {words[kind]}" for kind in shown)
    return f"""---
pretty_name: DigitAnatomy
license: {licence(sources(anatomy))}
size_categories:
- {_size_category(len(records))}
task_categories:
- image-segmentation
- image-classification
tags:
- anomaly-detection
- synthetic
{data_files(config.layout, {record["split"] for record in records})}---
# DigitAnatomy

Synthetic anatomy for unsupervised anomaly detection, with exact truth. A normal image is a grid of
{anatomy.rows} x {anatomy.cols} digits in the order {anatomy.order}: {height} x {width} pixels, 8-bit
grey.

{_normals(anatomy)}

{kinds or "The set holds normal images only."}

Structural anomalies are wrong in a cell by itself, logical ones only beside the others. The mask of
an abnormal image holds every pixel of ink (grey 32 or more) that should not be there or is missing;
of a logical one, every place that would mend it: `places` in the manifest says which cells are one
defect, and how many of its pixels are enough (saturated per-region overlap).

Label 0 is normal, 1 abnormal. Train, val and test use different glyphs, drawn from
{source}.

## Files
{LAYOUTS[config.layout].description}
`manifest.json` records the parameters, what was done to which cell, and the sha256 of every
picture's decoded pixels; `python -m synth verify` checks them. `manifest.jsonl` has a line for each
image, and `manifest.csv` a row with all that was drawn for it: {", ".join(COLUMNS)}.
`contact-sheet.png` shows examples of each kind.

| split | kind | images |
|---|---|---|
{table}

## What it is for, and what not
To build and compare methods of anomaly detection that see normals only, with truth in every pixel.
It measures order, shape and what belongs together, not disease: a method that wins here may fail on
films. No person is shown, and no label is uncertain.

## Parameters
{track}seed {anatomy.seed}, difficulty {anatomy.difficulty}, contamination of train
{anatomy.contamination}, generator version {anatomy.version}, pixels sha256 `{digest}`.
"""


def _code(name: str) -> str:
    """A file's name as code, whatever backticks and line breaks it has."""
    fence = "`" * (1 + name.count("`"))
    return f"{fence} {' '.join(name.split())} {fence}" if "`" in name else f"`{name}`"


def sources(anatomy: AnatomyConfig) -> list[str]:
    """Names of the glyph sources that an anatomy draws from, files without their folder."""
    names = [anatomy.digits_name]
    if anatomy.population is not None and anatomy.strength > 0:
        theirs = list(anatomy.population.public()["hands"])
        names = theirs if theirs and anatomy.strength == 1 else names + theirs
    return list(dict.fromkeys(names))


def licence(names: list[str]) -> str:
    """Of images drawn from these sources, as the Hub writes it; 'other' where one is unknown.

    Images of several sources take the terms of the strictest: share-alike, then attribution.
    """
    found = [_LICENSES.get(name, "other") for name in names]
    return max(found, key=[*_LICENSES.values(), "other"].index)


def _size_category(count: int) -> str:
    return next((words for most, words in _SIZES if count < most), "n>1M")


def _normals(anatomy: AnatomyConfig) -> str:
    """How normal images differ."""
    if anatomy.generator == 1:
        return (
            "Each digit has its own scale and shift. Abnormal images have one to three wrong cells:"
        )
    words = "An image has one hand, one size and one place, from which its cells differ little."
    if anatomy.starts > 1:
        words += f" It counts on from one of {anatomy.starts} starts."
    if anatomy.population is not None:
        dials = {name: value for name, value in anatomy.population.at(anatomy.strength).items()
                 if value != NEUTRAL[name]}  # fmt: skip
        told = ", ".join(f"{name} {value:.3g}" for name, value in dials.items())
        words += f" Population {anatomy.population.name} at strength {anatomy.strength:g}: {told}."
    return words


def data_files(layout: str, splits: set[str]) -> str:
    """Front matter that maps splits to files, for the layouts that a hub reads directly.

    Args:
        layout: a name in ``LAYOUTS``.
        splits: those that the data set has.

    Returns:
        YAML lines, or an empty text for a layout that a hub does not read.
    """
    patterns = LAYOUTS[layout].data_files
    lines = [
        f"  - split: {'validation' if split == 'val' else split}\n    path: {pattern}\n"
        for split, pattern in patterns.items()
        if split in splits
    ]
    return f"configs:\n- config_name: default\n  data_files:\n{''.join(lines)}" if lines else ""
