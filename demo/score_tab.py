"""The Score tab: one film or many in; verdict, map, reconstruction, regions and reasons out."""

from __future__ import annotations

import contextlib

import gradio as gr
import numpy as np

from demo.batch import downloads, table_rows
from demo.components import guarded
from demo.digits import examples
from demo.inference import Answer, Inference, refusal
from demo.pictures import map_figure, rebuilt_figure, region_at, regions_picture, why_figure
from demo.privacy import MAX_FILES, UploadFolder
from demo.score_layout import ScoreLayout
from demo.verdict import of_another_model, refused_section, verdict_section
from demo.words import FORGOTTEN
from simsid.errors import ImageError, SimsidError
from simsid.scoring import RefusedFilm, ScoredFilm

# Inputs come as they were sent and are checked here: Gradio's own checks would copy files about,
# and log a traceback with the offending value.
_EVENT = {"concurrency_limit": 2, "concurrency_id": "scoring", "api_visibility": "private"}
_EVENT |= {"preprocess": False}


class ScoreTab:
    """Events of the tab: files, examples and clicks in; values for its parts out."""

    def __init__(self, inference: Inference, uploads: UploadFolder, model: gr.Dropdown) -> None:
        self.inference, self.uploads, self.model = inference, uploads, model
        self.examples = examples()
        self.parts = ScoreLayout(self.examples, inference.is_synthetic(model.value))
        self._connect()

    def _connect(self) -> None:
        parts, model = self.parts, self.model
        view = [parts.verdict, parts.details, parts.map, parts.slider, parts.region]
        every = [*view, parts.batch, parts.table, parts.links, parts.films, parts.chosen]
        every = [*every, parts.other]
        kept = [parts.films, parts.chosen]
        hidden = {"show_progress": "hidden"} | _EVENT
        reason = {"fn": guarded(self.reason), "inputs": [*kept, parts.region]}
        reason |= {"outputs": [parts.regions, parts.why]} | hidden
        parts.upload.upload(
            guarded(self.score_uploads),
            [parts.upload, model],
            [*every, parts.upload],
            show_progress_on=parts.verdict,
            **_EVENT,
        ).success(**reason)
        for button in parts.example_buttons:
            score = guarded(self.score_example)
            button.click(score, [button, model], every, **hidden).success(**reason)
        parts.table.select(
            guarded(self.choose), parts.films, [*view, parts.chosen], **hidden
        ).success(**reason)
        parts.region.input(**reason)
        parts.regions.select(guarded(self.point_at), kept, parts.region, **_EVENT).success(**reason)
        own = [parts.example_group, parts.no_examples, parts.other]
        model.change(guarded(self.change_model), [model, *kept], own, **hidden)

    def change_model(self, model: str, films: dict[int, Answer], chosen: int) -> list:
        """Examples if it was trained on digits, else why there are none; whose results stay."""
        synthetic, shown = self.inference.is_synthetic(model), (films or {}).get(chosen)
        label, other = self.inference.shelf.label, gr.update(visible=False)
        if shown and isinstance(shown.film, ScoredFilm) and shown.model != model:
            said = of_another_model(label(shown.model), label(model))
            other = gr.update(value=said, visible=True)
        return [gr.update(visible=synthetic), gr.update(visible=not synthetic), other]

    def score_uploads(self, files: list, model: str, progress: gr.Progress = gr.Progress()) -> list:  # noqa: B008
        """Score every uploaded file; each is deleted as soon as it has been read."""
        paths = [getattr(file, "path", None) or file.get("path") for file in _as_list(files)]
        if len(paths) > MAX_FILES:
            for path in paths:
                with contextlib.suppress(ImageError):
                    self.uploads.take(path)
            raise gr.Error(f"At most {MAX_FILES} files at once.", print_exception=False)
        results = [
            self._score_upload(path, model)
            for path in (progress.tqdm(paths, desc="Scoring") if len(paths) > 1 else paths)
        ]
        return [*self.show(results), None]

    def _score_upload(self, path: str, model: str) -> Answer:
        try:
            data = self.uploads.take(path)
        except ImageError as error:
            return refusal(error)
        return self.inference.score_bytes(data, model)

    def score_example(self, kind: str, model: str) -> list:
        """Score one of the examples."""
        return self.show([self.inference.score_array(self.examples[kind], model)])

    def show(self, answers: list[Answer]) -> list:
        """Values for everything on the tab: the most abnormal film is shown first."""
        kept = dict(enumerate(answers, 1))
        scores = {n: a.film.score for n, a in kept.items() if isinstance(a.film, ScoredFilm)}
        many = len(answers) > 1
        first = max(scores, key=scores.__getitem__, default=0)
        rows = table_rows(answers) if many else None
        links = downloads(answers, self.inference) if many else ""
        batch = [gr.update(visible=many), rows, links]
        which = _which(first or 1, len(answers))
        view = self.view(kept[first or 1], which)
        return [*view, *batch, kept, first, gr.update(visible=False)]

    def view(self, answer: Answer, which: str = "") -> list:
        """Values for the view of one film; ``which`` of many it is."""
        film = answer.film
        label = self.inference.shelf.description(answer.model) if answer.model else None
        if isinstance(film, RefusedFilm):
            nothing = [gr.update(visible=False), "", None, gr.update(choices=[], value=None)]
            return [refused_section(answer.message, label, which), *nothing]
        order = sorted(np.ndindex(film.regions.shape), key=lambda at: -film.regions[at])
        choices = [
            (f"row {row + 1}, column {col + 1}: {film.regions[row, col]:.1f}", f"{row},{col}")
            for row, col in order
        ]
        figure = map_figure(film.image, film.anomaly_map, self.inference.scale(answer.model))
        rebuilt = ""
        if film.reconstruction is not None:
            rebuilt = rebuilt_figure(film.image, film.reconstruction)
        return [
            verdict_section(film, answer.message, label or "", which),
            gr.update(visible=True),
            figure,
            rebuilt,
            gr.update(choices=choices, value=choices[0][1]),
        ]

    def choose(self, films: dict[int, Answer], event: gr.SelectData) -> list:
        """Show the film of a row of the table, or why it got no score."""
        number = int(float(event.row_value[0]))
        return [*self.view(_kept(films, number), _which(number, len(films))), number]

    def point_at(self, films: dict[int, Answer], chosen: int, event: gr.SelectData) -> str:
        """The region under a click."""
        film = _scored(films, chosen)
        row, col = region_at(tuple(event.index), film.image.shape, film.regions.shape)
        return f"{row},{col}"

    def reason(self, films: dict[int, Answer], chosen: int, region: str | None) -> tuple:
        """The grid with the chosen region framed, and why it scored as it did."""
        if not region or not films:
            return None, ""
        film = _scored(films, chosen)
        row, col = (int(part) for part in region.split(","))
        picture = regions_picture(film.image, film.regions, (row, col))
        try:
            why = self.inference.explain(film.image, films[chosen].model, row, col)
        except SimsidError as error:
            return picture, f"<p>{error}</p>"
        return picture, why_figure(why, row, col, float(film.regions[row, col]))


def _kept(films: dict[int, Answer], number: int) -> Answer:
    answer = (films or {}).get(number)
    if answer is None:
        raise gr.Error(FORGOTTEN, print_exception=False)
    return answer


def _scored(films: dict[int, Answer], number: int) -> ScoredFilm:
    film = _kept(films, number).film
    if not isinstance(film, ScoredFilm):
        raise gr.Error(FORGOTTEN, print_exception=False)
    return film


def _which(number: int, of: int) -> str:
    return f"Film {number} of {of}: " if of > 1 else ""


def _as_list(files: object) -> list:
    files = getattr(files, "root", files)
    return list(files) if isinstance(files, list | tuple) else [files]
