"""The DigitAnatomy tab: build an anatomy by hand, see its score at once; take a test set away."""

from __future__ import annotations

from html import escape

import gradio as gr

from demo.components import guarded
from demo.digits import (
    CELL_CHOICES,
    MAX_NORMALS,
    MAX_PER_KIND,
    ORDER,
    build,
    layouts,
    test_set,
)
from demo.inference import Inference
from demo.pictures import download_link, map_figure
from demo.verdict import NUMBERS, plot_of, signature
from demo.words import css_class, headline, is_strange
from simsid.scoring import RefusedFilm, basis
from synth import KINDS

_EVENT = {"concurrency_limit": 2, "concurrency_id": "scoring", "api_visibility": "private"}
_EVENT |= {"preprocess": False}
_NORMAL = "normal"
_WHAT_TO_DO = (
    '<p class="lead">Pick a kind of anomaly, or set a digit by hand: the model, which knows 1 to 9 '
    "in order, scores it at once.</p>"
)
_UNDO_KIND, _RESET = "The kind changes nothing", "No digit is set by hand"


class DigitTab:
    """Layout and events of the generator's page.

    Args:
        model: the one trained on DigitAnatomy, which scores here.
        chosen: the model that is chosen for films.
    """

    def __init__(self, inference: Inference, model: str, chosen: gr.Dropdown) -> None:
        self.inference, self.model = inference, model
        gr.HTML(_WHAT_TO_DO)
        self.stays = gr.HTML(visible=False, elem_id="digits-stay")
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                self._lay_out_builder()
            with gr.Column(scale=3, min_width=300):
                self.result = gr.HTML(
                    self.picture("normal", 0.0, 1, *ORDER), elem_id="digit-result"
                )
        self._lay_out_test_set()
        inputs = [self.kind, self.difficulty, self.seed, *self.cells]
        for control in inputs:
            control.change(
                guarded(self.picture),
                inputs,
                self.result,
                show_progress="hidden",
                trigger_mode="always_last",
                **_EVENT,
            )
            control.change(
                self.what_can_be_undone,
                [self.kind, *self.cells],
                [self.undo_kind, self.reset],
                show_progress="hidden",
                **_EVENT,
            )
        self.reset.click(lambda: list(ORDER), None, self.cells, api_visibility="private")
        self.undo_kind.click(lambda: _NORMAL, None, self.kind, api_visibility="private")
        chosen.change(self.what_stays, chosen, self.stays, show_progress="hidden", **_EVENT)

    def what_can_be_undone(self, kind: str, *cells: str) -> list:
        """The two buttons that undo: the kind alone, and the digits by hand alone."""
        by_hand = sum(cell != own for cell, own in zip(cells, ORDER, strict=True))
        digits = f"Undo {by_hand} by hand: back to 1 to 9" if by_hand else _RESET
        name = _UNDO_KIND if kind == _NORMAL else f"Undo '{kind}': back to normal"
        return [
            gr.update(value=name, interactive=kind != _NORMAL),
            gr.update(value=digits, interactive=by_hand > 0),
        ]

    def what_stays(self, chosen: str) -> dict:
        """A line where the model chosen above is not the one that scores here."""
        label = self.inference.shelf.label
        line = (
            f"This tab stays with {label(self.model)}, which knows digits; anatomy and score below are "
            f"as they were. {label(chosen)}, chosen above, scores films on the tab Score."
        )
        return gr.update(
            value=f'<p class="notice" role="status">{escape(line)}</p>',
            visible=chosen != self.model,
        )

    def _lay_out_builder(self) -> None:
        self.kind = gr.Radio(list(KINDS), value="normal", label="Kind", elem_id="kind")
        self.undo_kind = gr.Button(_UNDO_KIND, size="sm", interactive=False, elem_id="undo-kind")
        self.difficulty = gr.Slider(
            0, 1, 0.0, step=0.05, label="Difficulty (0 blatant, 1 subtle)", elem_id="difficulty"
        )
        self.seed = gr.Number(1, label="Seed", precision=0, minimum=0, elem_id="seed")
        gr.Markdown(
            "**Digits, by hand**: what each cell shows; normal is 1 to 9 in order. The kind above comes "
            "on top of them."
        )
        self.cells = []
        for row in range(3):
            with gr.Row(elem_classes="cell-row"):
                for col in range(3):
                    number = 3 * row + col
                    self.cells.append(
                        gr.Dropdown(
                            list(CELL_CHOICES),
                            value=ORDER[number],
                            label=f"row {row + 1}, column {col + 1}",
                            min_width=70,
                            elem_id=f"cell-{number}",
                        )
                    )
        self.reset = gr.Button(_RESET, size="sm", interactive=False, elem_id="undo-digits")

    def _lay_out_test_set(self) -> None:
        gr.Markdown(
            "### Take a test set away\nImages, masks and a manifest with a sum of each file."
        )
        with gr.Row():
            normals = gr.Slider(0, MAX_NORMALS, 20, step=1, label="Normal images")
            per_kind = gr.Slider(0, MAX_PER_KIND, 10, step=1, label="Images of each kind")
            layout = gr.Dropdown(layouts(), value="mvtec", label="Layout", elem_id="layout")
        make = gr.Button("Make the test set (with difficulty and seed as above)", elem_id="make")
        link = gr.HTML(elem_id="test-set")
        make.click(
            guarded(self.make),
            [normals, per_kind, self.difficulty, self.seed, layout],
            link,
            **_EVENT,
        )

    def make(self, normals: int, per_kind: int, difficulty: float, seed: int, layout: str) -> str:
        """A link that holds the data set as a ZIP."""
        content = test_set(int(normals), int(per_kind), difficulty, int(seed or 0), layout)
        return download_link(
            content, "application/zip", "digitanatomy.zip", "Save digitanatomy.zip"
        )

    def picture(self, kind: str, difficulty: float, seed: int, *cells: str) -> str:
        """The anatomy with its map, what is wrong with it, and its score among normals."""
        anatomy = build(kind, difficulty, int(seed or 0), cells)
        answer = self.inference.score_array(anatomy.image, self.model)
        truth = _told("By hand", anatomy.by_hand) + _told(f"By the kind '{kind}'", anatomy.by_kind)
        truth = truth or "<p><b>What was done:</b> nothing: it is a normal anatomy.</p>"
        film = answer.film
        if isinstance(film, RefusedFilm):
            return (
                f'<section class="verdict refused"><h2>{headline(film)}</h2>'
                f"<p>{answer.message}</p>{truth}</section>"
            )
        figure = map_figure(film.image, film.shown_map, film.scale, strange=is_strange(film))
        return (
            f'<section class="verdict {css_class(film)}" aria-live="polite">'
            f'<h2>{headline(film)}</h2>{truth}<div class="side-by-side">{figure}'
            f"<div>{signature(self.inference.shelf.description(self.model))}<p>{basis(film)}</p>"
            f"{plot_of(film)}{NUMBERS}</div></div></section>"
        )


def _told(who: str, changes: tuple[str, ...]) -> str:
    return f"<p><b>{who}:</b> {escape('; '.join(changes), quote=False)}.</p>" if changes else ""
