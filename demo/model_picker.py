"""The choice of model above the tabs, and how the models of the Hub are doing."""

from __future__ import annotations

from html import escape

import gradio as gr

from demo.components import guarded
from demo.shelf import ModelShelf

# No limit and no place in the queue of films: the page asks while something is awaited.
_EVENT = {"concurrency_limit": None, "api_visibility": "private", "preprocess": False}
_EVENT |= {"show_progress": "hidden"}
_SOON, _LATER = 1.0, 15.0  # seconds between questions: while a model comes; between two tries


class ModelPicker:
    """Layout and events.

    ``model`` is the dropdown, whose value is a name on the shelf; ``auto`` says whether a dropped
    film chooses; ``by_hand`` whether either of them has chosen, so that the list is not followed.
    """

    def __init__(self, shelf: ModelShelf) -> None:
        self.shelf = shelf
        names = shelf.names()
        with gr.Row(equal_height=True, elem_id="models"):
            self.model = gr.Dropdown(
                self._choices(names),
                value=names[0],
                label="Model",
                elem_id="model",
                interactive=True,
                scale=3,
                min_width=280,
            )
            self.auto = gr.Checkbox(
                True,
                label="Choose the model by the film",
                info="A dropped film goes to the model it belongs to. Choosing one yourself ends this.",
                elem_id="auto",
                scale=2,
                min_width=280,
            )
        self.status = gr.HTML(
            self._status(),
            html_template='<div role="status" aria-live="polite">${value}</div>',
            visible=bool(shelf.lines()),
            elem_id="model-status",
        )
        self.timer = gr.Timer(_SOON, active=shelf.pause is not None)
        self.by_hand, self.shown = gr.State(False), gr.State(names)

    def connect(self, page: gr.Blocks) -> None:
        """Every visit begins with what is on the shelf then, and follows it until nothing is awaited."""
        asked = {
            "fn": guarded(self.look),
            "inputs": [self.by_hand, self.shown],
            "outputs": [self.model, self.status, self.timer, self.shown],
        } | _EVENT
        page.load(**asked)
        self.timer.tick(**asked)
        # Only the visitor's own hand: what the page chooses for a film is no 'input'.
        self.model.input(lambda: (True, False), None, [self.by_hand, self.auto], **_EVENT)

    def look(self, by_hand: bool, shown: list[str]) -> list:
        """What has changed on the shelf; a choice made by hand stays, any other follows the list."""
        pause = self.shelf.pause  # first: see there
        names = self.shelf.names()
        model = gr.skip()
        if names != shown:  # or else a list that is open would close under the visitor's hand
            own = {} if by_hand else {"value": names[0]}
            model = gr.update(choices=self._choices(names), **own)
        every = _LATER if pause else _SOON
        return [model, self._status(), gr.Timer(every, active=pause is not None), names]

    def _choices(self, names: list[str]) -> list[tuple[str, str]]:
        return [(self.shelf.description(name), name) for name in names]

    def _status(self) -> str:
        return "".join(f'<p class="hint">{escape(line)}</p>' for line in self.shelf.lines())
