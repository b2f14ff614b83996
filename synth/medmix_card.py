"""The card of a MedMix set: README.md, with Hugging Face front matter."""

from collections import Counter

from synth.card import data_files
from synth.layouts import LAYOUTS


def write_medmix_card(
    layout: str, seed: int, records: list[dict], version: str, digest: str
) -> str:
    """Compose the card's text.

    Args:
        layout: a name in ``LAYOUTS``.
        seed: of all that is random.
        records: of all samples, as :class:``synth.encode.Encoded`` holds them.
        version: of the generator.
        digest: sha256 of all pixels.

    Returns:
        Markdown with front matter.
    """
    counts = Counter((record["split"], record["kind"]) for record in records)
    table = "\n".join(f"| {split} | {kind} | {count} |" for (split, kind), count in counts.items())
    return f"""---
pretty_name: MedMix
task_categories:
- image-segmentation
- image-classification
tags:
- anomaly-detection
- synthetic
{data_files(layout, {record["split"] for record in records})}---
# MedMix

Normal films, some with one to three synthetic lesions: patches cut from other films of the folder,
with their intensities, contrast and brightness changed, noise added, and pasted in with a soft
edge. Label 0 is normal, 1 abnormal. The mask of an abnormal film holds every pixel that was pasted
over; no other pixel was touched. Every film is used once. Films keep their size; 8-bit grey.

**What it measures.** Whether pasted tissue is found, not disease: a method may be good at one and
bad at the other, and one that was trained on such lesions has an advantage here. Films of one
patient may be on both sides of the split, unless they came from folders of their own.
The terms of the films that it was made from hold for it too.

## Files
{LAYOUTS[layout].description}
`manifest.json` records the parameters, what was pasted where (`cells`: box in pixels, and the
number of the film it was cut from, in alphabetical order), and the sha256 of every picture's
decoded pixels; `python -m synth verify` checks them.

| split | kind | films |
|---|---|---|
{table}

## Parameters
seed {seed}, generator version {version}, pixels sha256 `{digest}`.
"""
