"""The About tab: model card, data, limits, how to cite, version and commit."""

from __future__ import annotations

import gradio as gr

import simsid
from demo.components import guarded
from demo.privacy import ABANDONED_SECONDS, KEEP_FILM_SECONDS
from demo.shelf import ModelShelf
from simsid.evaluation.provenance import kit_commit

_ABOUT = """
### What this is
Detectors that have only ever seen **normal** images. A film that cannot be rebuilt from remembered
normal patterns, or lies far from all of them, gets a high score. A p-value says how rare such a
score is among normal films that training never saw; the verdict stands on a false-alarm rate that
is stated with it.

### Limits
A p-value holds for films like the calibration normals: another scanner, hospital, age group or
projection is not. A disease that leaves no trace in what the model looks at is missed. The map
shows where a film differs from normals, not what a reader should conclude. DigitAnatomy is a
benchmark of order and shape, not of disease.

### Privacy
A film is deleted from disk as soon as it has been read; its name is never written. Headers are
discarded, which is not the same as de-identified: text burned into the picture stays in the
picture. A copy at the model's size stays in memory for up to {minutes} minutes, for clicks on its
regions, and goes when the tab is closed. Uploads that nobody asked a score for go after {abandoned}
seconds. No history is kept, here or in the browser.

### How to cite
Xiang et al., *SQUID: Deep Feature In-Painting for Unsupervised Anomaly Detection*, CVPR 2023; and
*Exploiting Structural Consistency of Chest Anatomy for Unsupervised Anomaly Detection in
Radiography Images*, IEEE TMI 2024. Please name the version and commit below. License: Apache-2.0.

### Version
simsid kit {version}, commit {commit}. For programs: the endpoints `/score`, `/score_batch`,
`/generate` and `/explain` are described under *Use via API* at the bottom of the page.
"""


def lay_out_about(shelf: ModelShelf, model: gr.Dropdown) -> None:
    """Text about the page, and the card of the chosen model."""
    gr.Markdown(
        _ABOUT.format(
            minutes=KEEP_FILM_SECONDS // 60,
            abandoned=round(ABANDONED_SECONDS),
            version=simsid.__version__,
            commit=kit_commit() or "unknown",
        ),
        elem_id="about",
    )
    gr.Markdown("## Model card of the chosen model")
    card = gr.Markdown(shelf.card(model.value), elem_id="card")
    model.change(
        guarded(shelf.card),
        model,
        card,
        api_visibility="private",
        preprocess=False,
        show_progress="hidden",
    )
