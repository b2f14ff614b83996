"""The Score tab's parts: where films come in, and where the results are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import gradio as gr

from demo.components import inline_image
from demo.phantoms import BELOW
from demo.pictures import REGIONS_SCALE, caption
from demo.privacy import KEEP_FILM_SECONDS, MAX_FILE_BYTES, MAX_FILES
from demo.words import BY_LOOKS, judge_choices
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
_WHAT_TO_DO = (
    '<p class="lead">Drop a film, or click an example: the page says how unusual it is among '
    "normal films, where, and why.</p>"
)


class ScoreLayout:
    """Components of the tab; what a visitor's session keeps is a list of small films in memory.

    Args:
        examples: names of the example buttons of DigitAnatomy.
        phantoms: lines on those of chest phantoms by name; none where no model takes films.
        heading: what stands above the phantoms.
        synthetic: whether the model chosen at first was trained on DigitAnatomy.
    """

    def __init__(
        self, examples: Iterable[str], phantoms: Mapping[str, str], heading: str, synthetic: bool
    ) -> None:
        self.films = gr.State({}, time_to_live=KEEP_FILM_SECONDS)
        self.chosen = gr.State(0, time_to_live=KEEP_FILM_SECONDS)
        self.own = gr.State(None, time_to_live=KEEP_FILM_SECONDS)
        gr.HTML(_WHAT_TO_DO)
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                self._lay_out_inputs()
                self._lay_out_examples(examples, phantoms, heading, synthetic)
                self._lay_out_own_normals()
            with gr.Column(scale=5, min_width=300):
                self.other = gr.HTML(visible=False, elem_id="other-model")
                self.verdict = gr.HTML(
                    '<p class="hint">The verdict, the map and the reasons appear here.</p>',
                    elem_id="verdict",
                )
                self.judge = gr.Dropdown(
                    judge_choices(()),
                    value=BY_LOOKS,
                    label="Judge as",
                    info="Whose normals and threshold judge these films. Choose only what you know of them, "
                    "such as their age: the verdict says so.",
                    visible=False,
                    elem_id="judge-as",
                )
                with gr.Column(visible=False, elem_id="batch") as self.batch:
                    self._lay_out_batch()
                with gr.Column(visible=False, elem_id="details") as self.details:
                    self._lay_out_details()

    def _lay_out_inputs(self) -> None:
        self.upload = gr.File(
            label="Films",
            file_count="multiple",
            height=140,
            elem_id="upload",
        )
        gr.HTML(
            '<p class="hint small">PNG, JPEG, TIFF, BMP, WebP, NPY or DICOM, 8 to 16 bit; up to '
            f"{MAX_FILES} files of {MAX_FILE_BYTES >> 20} MiB. Deleted as soon as they are read.</p>"
        )

    def _lay_out_examples(
        self, examples: Iterable[str], phantoms: Mapping[str, str], heading: str, synthetic: bool
    ) -> None:
        self.example_buttons: dict[str, gr.Button] = {}
        with gr.Group(visible=bool(phantoms), elem_id="phantoms") as self.phantom_group:
            gr.Markdown(heading, elem_classes="small")
            with gr.Column(elem_classes="example-list"):
                self.example_buttons |= {k: _button(k, line) for k, line in phantoms.items()}
            gr.Markdown(BELOW, elem_classes="small")
        with gr.Group(visible=synthetic, elem_id="examples") as self.example_group:
            gr.Markdown(
                "**Or digits**, made by the generator when the page started.", elem_classes="small"
            )
            with gr.Row(elem_classes="example-row"):
                self.example_buttons |= {kind: _button(kind, kind) for kind in examples}

    def _lay_out_own_normals(self) -> None:
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
                gr.HTML(
                    caption("Regions: click one to see why")
                    + f'<p class="hint small">{REGIONS_SCALE}</p>'
                )
                self.regions = inline_image(
                    label="Regions",
                    show_label=False,
                    interactive=False,
                    elem_id="regions",
                    buttons=[],
                )
            with gr.Column(min_width=260):
                self.region = gr.Dropdown(
                    [],
                    label="Why? Region: the map's hottest, then by score",
                    elem_id="region",
                )
                self.why = gr.HTML(elem_id="why")


def _button(name: str, text: str) -> gr.Button:
    """A button with a picture, which the style sheet has."""
    return gr.Button(text, elem_id=f"example-{name}", elem_classes="example", min_width=84)
