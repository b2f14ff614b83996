"""The About tab: model card, data, limits, how to cite, version and commit."""

from __future__ import annotations

import os
import re
from functools import partial

import gradio as gr

import simsid
from demo.components import guarded
from demo.inference import Answer
from demo.mechanism import scored_by
from demo.pictures import image_tag
from demo.privacy import ABANDONED_SECONDS, KEEP_FILM_SECONDS
from demo.shelf import ModelShelf
from simsid.evaluation.provenance import kit_commit
from simsid.map_scale import overlay
from simsid.scoring import ScoredFilm

_PAPERS = (
    ("SQUID: Deep Feature In-Painting for Unsupervised Anomaly Detection", "Xiang et al., CVPR 2023",
     "https://arxiv.org/abs/2111.13495"),
    ("Exploiting Structural Consistency of Chest Anatomy for Unsupervised Anomaly Detection in "
     "Radiography Images", "Xiang et al., IEEE TPAMI 2024", "https://arxiv.org/abs/2403.08689"),
)  # fmt: skip
_STEPS = (
    "1. A model learns from normal images alone, and remembers what their regions look like. This "
    "film is new to it.",
    "2. It rebuilds the film from what it remembers: the strange digit cannot be made of normals.",
    "3. What lies far from all that is remembered stands out. How rare such a score is among normals "
    "is the verdict.",
)
_ABOUT = """
### What this is
Detectors that learn from **normal** images alone. Digits score by how far their regions lie from
remembered normal patterns. Films score by a network that learned to find lesions painted into normal
films; what is rebuilt of a film illustrates, and has no share in the score. The model card below says
what drives the score of the model that is chosen. A p-value says how rare such a score is among
normal films that training never saw; the verdict stands on a false-alarm rate that is stated with it.

### Limits
A p-value holds for films like the calibration normals: another scanner, hospital, age group or
projection is not. A disease that leaves no trace in what the model looks at is missed. The map
shows where a film differs from normals, not what a reader should conclude. DigitAnatomy is a
benchmark of order and shape, not of disease.

### Privacy
A film is deleted from disk as soon as it has been read; its name never leaves your browser. Headers are
discarded, which is not the same as de-identified: text burned into the picture stays in the
picture. A copy at the size of each model stays in memory for up to {minutes} minutes, so that
regions can be explained and another model can score it, and goes when the tab is closed. To show a
film at full size your browser sends it once more. Own normals leave their scores, for as long.
Uploads that nobody asked a score for go after {abandoned} seconds. No history is
kept, here or in the browser.

### How to cite
{papers}

Please name the version and commit below.

### Version, licence, repository
simsid kit {version}, commit {commit}. Code: [Apache-2.0](https://www.apache.org/licenses/LICENSE-2.0); the
models carry the terms of their data (see the card). {repository}

For programs: the endpoints `/score`, `/score_batch`,
`/generate` and `/explain` are described under *Use via API* at the bottom of the page.
"""


def lay_out_about(shelf: ModelShelf, model: gr.Dropdown, example: Answer | None = None) -> None:
    """Text about the page, and the card of the chosen model.

    Args:
        example: a scored film whose pictures tell how it works.
    """
    if example is not None:
        gr.HTML(steps_html(example), elem_id="how-it-works")
    gr.Markdown(
        _ABOUT.format(
            minutes=KEEP_FILM_SECONDS // 60,
            abandoned=round(ABANDONED_SECONDS),
            version=simsid.__version__,
            commit=kit_commit() or "unknown",
            papers="\n".join(f"- {who}: [{title}]({link})" for title, who, link in _PAPERS),
            repository=_repository(),
        ),
        elem_id="about",
    )
    card = gr.Markdown(card_of(shelf, model.value), elem_id="card")
    model.change(
        guarded(partial(card_of, shelf)),
        model,
        card,
        api_visibility="private",
        preprocess=False,
        show_progress="hidden",
    )


def card_of(shelf: ModelShelf, model: str) -> str:
    """A model's card, in Markdown: first of which model it is, and what drives that model's score.

    Raises:
        ModelFolderError: no such model, or damaged.
    """
    name = shelf.description(model).replace("*", "")
    return (
        f"## Model card of {name}\n\n*The model that is chosen above; a film that chooses another "
        f"changes the card.* {scored_by(shelf.detector(model))}\n\n{shelf.card(model)}"
    )


def steps_html(example: Answer) -> str:
    """How the model of digits works, in three pictures of one."""
    film = example.film
    if not isinstance(film, ScoredFilm) or film.reconstruction is None:
        return ""
    pictures = (film.image, film.reconstruction, overlay(film.image, film.shown_map, film.scale))
    figures = "".join(
        f"<figure>{image_tag(picture, words[3:])}<figcaption>{words}</figcaption></figure>"
        for picture, words in zip(pictures, _STEPS, strict=True)
    )
    return (
        '<h3>How it works on digits</h3><p class="hint">Films are scored otherwise: see below.</p>'
        f'<div class="steps">{figures}</div>'
    )


def _repository() -> str:
    """Where this very page's code lies, as far as that is known."""
    space = os.environ.get("SPACE_ID", "")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", space):
        address = f"https://huggingface.co/spaces/{space}/tree/main"
        return f"Repository of this page: [{space}]({address})."
    return "The repository is the folder that this page was started from: its `README.md` leads on."
