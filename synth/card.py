"""The data-set card: README.md of a generated data set, with Hugging Face front matter."""

from collections import Counter

from synth.layouts import LAYOUTS
from synth.plan import DatasetConfig

_SOURCES = {
    "strokes": "a built-in stroke model of handwriting",
    "optdigits": "scikit-learn's optdigits (Alpaydin and Kaynak, UCI, CC BY 4.0)",
    "mnist": "MNIST (LeCun, Cortes and Burges, CC BY-SA 3.0)",
}


def write_card(config: DatasetConfig, records: list[dict], version: str, digest: str) -> str:
    """Compose the card's text.

    Args:
        config: the data set's parameters.
        records: of all samples, as :class:``synth.encode.Encoded`` holds them.
        version: of the generator.
        digest: sha256 of all pixels.

    Returns:
        Markdown with front matter.
    """
    anatomy = config.anatomy
    counts = Counter((record["split"], record["kind"]) for record in records)
    table = "\n".join(f"| {split} | {kind} | {count} |" for (split, kind), count in counts.items())
    source = _SOURCES.get(anatomy.digits, f"the glyphs of `{anatomy.digits_name}`")
    height, width = anatomy.shape
    return f"""---
pretty_name: DigitAnatomy
task_categories:
- image-segmentation
- image-classification
tags:
- anomaly-detection
- synthetic
{data_files(config.layout, {record["split"] for record in records})}---
# DigitAnatomy

Synthetic anatomy for unsupervised anomaly detection, with exact truth. A normal image is a grid of
{anatomy.rows} x {anatomy.cols} digits in the order {anatomy.order}, each at a random scale and
shift: {height} x {width} pixels, 8-bit grey, bright on black. Abnormal images have one to three
wrong cells:

- **novel**: a digit from outside the order
- **missing**: a digit erased
- **disordered**: digits that changed places
- **flipped**: a digit mirrored left-right or upside down, where that can be seen

The mask of an abnormal image holds every pixel of ink (grey 32 or more) that should not be there
or is missing. Label 0 is normal, 1 abnormal. Train, val and test use different glyphs, drawn from
{source}.

## Files
{LAYOUTS[config.layout].description}
`manifest.json` records the parameters, what was done to which cell, and the sha256 of every
picture's decoded pixels; `python -m synth verify` checks them.

| split | kind | images |
|---|---|---|
{table}

## Parameters
seed {anatomy.seed}, difficulty {anatomy.difficulty}, contamination of train
{anatomy.contamination}, generator version {version}, pixels sha256 `{digest}`.
"""


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
