"""The Score tab's parts: where films come in, and where the results are shown."""

from __future__ import annotations

from collections.abc import Iterable

import gradio as gr

from demo.components import inline_image
from demo.pictures import caption
from demo.privacy import KEEP_FILM_SECONDS, MAX_FILE_BYTES, MAX_FILES
from simsid.detectors.recalibration import LEAST

# A row that is clicked says which film it shows.
_ROW_CLICKED = """element.addEventListener('click', (event) => {
  const row = event.target.closest('tr[data-film]');
  if (row) trigger('select', {film: Number(row.dataset.film)});
})"""
_OPEN_FULL = (
    '<button type="button" class="take-away full-open">Open at full size</button> <span class="hint">'
    "zoom, window and level, map over it</span>"
)
_OWN_NORMALS = (
    f"Drop {LEAST} or more **normal** films of your own source: the verdicts of this visit then "
    "stand on them. Networks stay as they are. The films are deleted as they are read, and what was "
    "learned of them goes with the visit."
)
_PHANTOMS = (
    "**Or pick a chest phantom**, drawn by code: the kit ships no films of patients. A phantom shows "
    "what the page does with a film, and nothing of how well."
)


class ScoreLayout:
    """Components of the tab; what a visitor's session keeps is a list of small films in memory.

    Args:
        examples: names of the example buttons of DigitAnatomy.
        phantoms: names of those of chest phantoms; none where no model takes films.
        synthetic: whether the model chosen at first was trained on DigitAnatomy.
    """

    def __init__(self, examples: Iterable[str], phantoms: Iterable[str], synthetic: bool) -> None:
        self.films = gr.State({}, time_to_live=KEEP_FILM_SECONDS)
        self.chosen = gr.State(0, time_to_live=KEEP_FILM_SECONDS)
        self.own = gr.State(None, time_to_live=KEEP_FILM_SECONDS)
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                self._lay_out_inputs(examples, list(phantoms), synthetic)
            with gr.Column(scale=5, min_width=300):
                self.other = gr.HTML(visible=False, elem_id="other-model")
                self.verdict = gr.HTML(
                    '<p class="hint">Drop a film, or pick an example: the verdict, the map and the '
                    "reasons appear here.</p>",
                    elem_id="verdict",
                )
                with gr.Column(visible=False, elem_id="batch") as self.batch:
                    self._lay_out_batch()
                with gr.Column(visible=False, elem_id="details") as self.details:
                    self._lay_out_details()

    def _lay_out_inputs(
        self, examples: Iterable[str], phantoms: list[str], synthetic: bool
    ) -> None:
        self.upload = gr.File(
            label="Films",
            file_count="multiple",
            height=170,
            elem_id="upload",
        )
        gr.HTML(
            '<p class="hint">PNG, JPEG, TIFF, BMP, WebP, NPY or DICOM, 8 to 16 bit; up to '
            f"{MAX_FILES} files of {MAX_FILE_BYTES >> 20} MiB. Deleted as soon as they are read.</p>"
        )
        with gr.Group(visible=synthetic, elem_id="examples") as self.example_group:
            gr.Markdown("**Or pick an example** (made by the generator when the page started)")
            self.example_buttons = _buttons(examples)
        with gr.Group(visible=bool(phantoms), elem_id="phantoms") as self.phantom_group:
            gr.Markdown(_PHANTOMS)
            self.example_buttons += _buttons(phantoms)
        with gr.Accordion("Own normals", open=False, elem_id="own-normals"):
            gr.Markdown(_OWN_NORMALS)
            self.own_upload = gr.File(
                label="Normal films", file_count="multiple", height=140, elem_id="own-upload"
            )
            self.own_said = gr.HTML(elem_id="own-said")
            self.own_undo = gr.Button(
                "Back to the model's own normals", size="sm", visible=False, elem_id="own-undo"
            )

    def _lay_out_batch(self) -> None:
        self.together = gr.HTML(elem_id="together")
        self.table = gr.HTML(elem_id="table", js_on_load=_ROW_CLICKED)
        self.links = gr.HTML(elem_id="links")

    def _lay_out_details(self) -> None:
        with gr.Row(equal_height=False):
            with gr.Column(min_width=260):
                self.map = gr.HTML(elem_id="map")
                gr.HTML(_OPEN_FULL)
                self.full_data = gr.HTML(elem_id="full-data")
                with gr.Column(elem_id="full-upload", elem_classes="unseen"):
                    self.full_upload = gr.File(label="Film at full size", file_count="multiple")
            with gr.Column(min_width=260):
                self.slider = gr.HTML(elem_id="slider")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=260):
                gr.HTML(caption("Regions: click one to see why"))
                self.regions = inline_image(
                    label="Regions",
                    show_label=False,
                    interactive=False,
                    elem_id="regions",
                    buttons=[],
                )
            with gr.Column(min_width=260):
                self.region = gr.Dropdown(
                    [], label="Why? Region, the highest score first", elem_id="region"
                )
                self.why = gr.HTML(elem_id="why")


def _buttons(names: Iterable[str]) -> list[gr.Button]:
    """A row of buttons with pictures, which the style sheet has."""
    with gr.Row(elem_classes="example-row"):
        return [
            gr.Button(name, elem_id=f"example-{name}", elem_classes="example", min_width=84)
            for name in names
        ]
