"""The Score tab: one film or many in; verdict, map, reconstruction, regions and reasons out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import gradio as gr

from demo.batch import batch_line, downloads, table_html
from demo.components import guarded
from demo.digits import examples
from demo.full_size import full_figure
from demo.inference import Answer, Inference
from demo.kept import KeptFilm, majority
from demo.mechanism import reasons, reconstruction_counts
from demo.model_picker import ModelPicker
from demo.own_normals import OwnNormals
from demo.own_words import own_section, refused_normals
from demo.phantoms import DRAWINGS, NOTE, heading, lines, phantoms
from demo.pictures import (
    hottest_region,
    map_figure,
    rebuilt_figure,
    region_at,
    region_choices,
    regions_picture,
    why_figure,
)
from demo.privacy import MAX_FILES, UploadFolder
from demo.score_layout import ScoreLayout
from demo.uploads import drop_of, paths_of
from demo.verdict import Shown, of_another_model, refused_section, verdict_section
from demo.words import BY_LOOKS, FORGOTTEN, is_strange, judge_choices
from simsid.errors import ImageError, SimsidError
from simsid.scoring import RefusedFilm, ScoredFilm

# Inputs come as they were sent and are checked here: Gradio's own checks would copy files about,
# and log a traceback with the offending value.
_EVENT = {"concurrency_limit": 2, "concurrency_id": "scoring", "api_visibility": "private"}
_EVENT |= {"preprocess": False}
_EVERY = 13  # parts that results are shown in
_BY_FILM = "Chosen by the film: it looks like those of this model. Choose another above"


class ScoreTab:
    """Events of the tab: files, examples and clicks in; values for its parts out."""

    def __init__(self, inference: Inference, uploads: UploadFolder, picker: ModelPicker) -> None:
        self.inference, self.uploads, self.picker = inference, uploads, picker
        digits = examples()
        films = not all(map(inference.is_synthetic, inference.shelf.names()))
        drawn = phantoms() if films else {}
        self.examples = digits | drawn
        told, models = lines(inference, drawn)
        self.parts = ScoreLayout(
            digits, told, heading(models), inference.is_synthetic(picker.model.value)
        )
        self._connect()

    def _connect(self) -> None:
        parts, model, auto = self.parts, self.picker.model, self.picker.auto
        view = [parts.verdict, parts.details, parts.map, parts.slider, parts.region]
        every = [*view, parts.batch, parts.together, parts.table, parts.links]
        every = [*every, parts.films, parts.chosen, parts.other, parts.judge]
        kept = [parts.films, parts.chosen]
        picked = [model, self.picker.by_hand]
        hidden = {"show_progress": "hidden"} | _EVENT
        reason = {"fn": guarded(self.reason), "inputs": [*kept, parts.region]}
        reason |= {"outputs": [parts.regions, parts.why]} | hidden
        parts.upload.upload(
            guarded(self.score_uploads),
            [parts.upload, model, auto, parts.own, parts.judge],
            [*every, *picked, parts.upload],
            show_progress_on=parts.verdict,
            **_EVENT,
        ).success(**reason)
        for name, button in parts.example_buttons.items():
            button.click(
                guarded(partial(self.score_example, name)),
                [model, auto, parts.own, parts.judge], [*every, *picked], **hidden,
            ).success(**reason)  # fmt: skip
        parts.table.select(
            guarded(self.choose), parts.films, [*view, parts.chosen], **hidden
        ).success(**reason)
        parts.region.input(**reason)
        parts.regions.select(guarded(self.point_at), kept, parts.region, **_EVENT).success(**reason)
        shown = [parts.example_group, parts.phantom_group]
        model.change(
            guarded(self.change_model),
            [model, auto, *kept, parts.own, parts.judge],
            [*shown, *every],
            **hidden,
        ).success(**reason)
        parts.judge.input(
            guarded(self.judge_as), [model, *kept, parts.own, parts.judge], every, **hidden
        ).success(**reason)
        auto.change(guarded(self.show_examples), [model, auto], shown, **hidden)
        parts.full_upload.upload(
            guarded(self.full_size),
            [parts.full_upload, *kept],
            [parts.full_data, parts.full_upload],
            **hidden,
        )
        self._connect_own_normals(every, picked, reason)

    def _connect_own_normals(self, every: list, picked: list, reason: dict) -> None:
        parts, model, auto = self.parts, self.picker.model, self.picker.auto
        kept, said = [parts.films, parts.chosen], [parts.own, parts.own_said, parts.own_undo]
        parts.own_upload.upload(
            guarded(self.learn_normals),
            [parts.own_upload, model, auto, *kept, parts.own, parts.judge],
            [*said, *every, *picked, parts.own_upload],
            show_progress_on=parts.own_said,
            **_EVENT,
        ).success(**reason)
        parts.own_undo.click(
            guarded(self.forget_normals), [model, *kept, parts.judge], [*said, *every], **_EVENT
        ).success(**reason)

    def show_examples(self, model: str, auto: bool) -> list:
        """Those examples that may go to the model that is chosen, or that a film chooses."""
        digits = self.inference.is_synthetic(model)
        drawn = any(name in DRAWINGS for name in self.examples)
        return [
            gr.update(visible=auto or digits),
            gr.update(visible=drawn and (auto or not digits)),
        ]

    def change_model(
        self,
        model: str,
        auto: bool,
        films: dict[int, Answer],
        chosen: int,
        own: OwnNormals | None,
        judge: str,
    ) -> list:
        """Score again what is kept, by the model chosen now."""
        return [*self.show_examples(model, auto), *self._again(model, films, chosen, own, judge)]

    def judge_as(
        self,
        model: str,
        films: dict[int, Answer],
        chosen: int,
        own: OwnNormals | None,
        judge: str,
    ) -> list:
        """Judge again what is kept, by the normals of the population chosen now."""
        return self._again(model, films, chosen, own, judge, anyway=True)

    def _again(
        self,
        model: str,
        films: dict[int, Answer],
        chosen: int,
        own: OwnNormals | None,
        judge: str,
        anyway: bool = False,
    ) -> list:
        """Values for everything but the examples; results stay where films are too old."""
        answers = list((films or {}).values())
        same = all(answer.model in (model, "") for answer in answers)
        if not answers or (same and not anyway):
            return [gr.skip() for _ in range(_EVERY)]
        old = [
            a for a in answers if a.kept is None or not (a.kept.refused or model in a.kept.images)
        ]
        if old:
            label = self.inference.shelf.label
            said = of_another_model(label(old[0].model), label(model))
            return [*(gr.skip() for _ in range(_EVERY - 1)), gr.update(value=said, visible=True)]
        kept = [(answer.kept, answer.drop) for answer in answers if answer.kept is not None]
        again = [self._score(film, model, own, drop, judge) for film, drop in kept]
        return self.show(again, own, chosen, judge=judge)

    def _score(
        self, film: KeptFilm, model: str, own: OwnNormals | None, drop: str, judge: str
    ) -> Answer:
        population = judge if judge in self.inference.populations(model, own) else None
        return replace(self.inference.score_kept(film, model, own, population), drop=drop)

    def score_uploads(
        self,
        files: list,
        model: str,
        auto: bool,
        own: OwnNormals | None,
        judge: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> list:
        """Score every uploaded file; each is deleted as soon as it has been read."""
        drop = drop_of(files)
        films = self._read(files, progress)
        return [*self._first_score(films, model, auto, own, drop, judge), None]

    def score_example(
        self, kind: str, model: str, auto: bool, own: OwnNormals | None, judge: str
    ) -> list:
        """Score one of the examples."""
        notes = (NOTE,) if kind in DRAWINGS else ()
        film = self.inference.keep_array(self.examples[kind], notes)
        return self._first_score([film], model, auto, own, "", judge)

    def _first_score(
        self,
        films: list[KeptFilm],
        model: str,
        auto: bool,
        own: OwnNormals | None,
        drop: str,
        judge: str = "",
    ) -> list:
        """Values for everything, and which model it was: that of most films, where they choose."""
        best = majority([self.inference.belongs_to(film) for film in films]) if auto else None
        chosen = best or model
        answers = [self._score(film, chosen, own, drop, judge) for film in films]
        shown = self.show(answers, own, why=_BY_FILM if best else "", judge=judge)
        return [*shown, chosen, True]

    def _read(self, files: list, progress: gr.Progress) -> list[KeptFilm]:
        paths = paths_of(files)
        if len(paths) > MAX_FILES:
            self.uploads.free(paths)
            raise gr.Error(f"At most {MAX_FILES} files at once.", print_exception=False)
        several = progress.tqdm(paths, desc="Reading and checking") if len(paths) > 1 else paths
        return [self._read_one(path) for path in several]

    def _read_one(self, path: str) -> KeptFilm:
        try:
            return self.inference.keep_bytes(self.uploads.take(path))
        except ImageError as error:
            return KeptFilm(refused=RefusedFilm.because(error))

    def learn_normals(
        self,
        files: list,
        model: str,
        auto: bool,
        films: dict[int, Answer],
        chosen: int,
        own: OwnNormals | None,
        judge: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> list:
        """Let this visit's verdicts stand on the visitor's own normals, and score again."""
        normals = self._read(files, progress)
        if auto and not films:
            model = majority([self.inference.belongs_to(film) for film in normals]) or model
        try:
            learned = self.inference.learn_normals(normals, model)
        except SimsidError as error:
            said = [own, refused_normals(str(error)), gr.update(visible=own is not None)]
            return [*said, *(gr.skip() for _ in range(_EVERY + 2)), None]
        label = self.inference.shelf.label(model)
        said = [learned, own_section(learned, label), gr.update(visible=True)]
        again = self._again(model, films, chosen, learned, judge, anyway=True)
        return [*said, *again, model, True, None]

    def forget_normals(self, model: str, films: dict[int, Answer], chosen: int, judge: str) -> list:
        """Back to the model's own calibration."""
        nothing = [None, "", gr.update(visible=False)]
        return [*nothing, *self._again(model, films, chosen, None, judge, anyway=True)]

    def show(
        self,
        answers: list[Answer],
        own: OwnNormals | None = None,
        chosen: int = 0,
        why: str = "",
        judge: str = "",
    ) -> list:
        """Values for everything on the tab: the film ``chosen`` or else the most abnormal one."""
        kept = dict(enumerate(answers, 1))
        scores = {n: a.film.score for n, a in kept.items() if isinstance(a.film, ScoredFilm)}
        many = len(answers) > 1
        first = chosen if chosen in kept else max(scores, key=scores.__getitem__, default=1)
        batch = [gr.update(visible=many), *([""] * 3)]
        if many:
            line = batch_line(answers, self.inference, own)
            batch = [batch[0], line, table_html(answers), downloads(answers)]
        view = self.view(kept, first, why)
        several = self.inference.populations(answers[0].model, own) if scores else ()
        choices = judge_choices(several)
        value = judge if judge in [name for _, name in choices] else BY_LOOKS
        judges = gr.update(choices=choices, value=value, visible=len(choices) > 1)
        return [*view, *batch, kept, first, gr.update(visible=False), judges]

    def view(self, films: dict[int, Answer], number: int, why: str = "") -> list:
        """Values for the view of one of the films."""
        answer = _kept(films, number)
        film = answer.film
        label = self.inference.shelf.description(answer.model) if answer.model else ""
        if answer.own_normals:
            label += f", recalibrated on {answer.own_normals} normals of your own for this visit"
        shown = Shown(label, number, len(films), answer.drop, why)
        if why and isinstance(film, RefusedFilm):
            nearest = answer.kept and self.inference.belongs_to(answer.kept)
            none = film.out_of_place and nearest == answer.model
            shown = replace(shown, why_model="", fits_none=none)
        if isinstance(film, RefusedFilm):
            nothing = [gr.update(visible=False), "", None, gr.update(choices=[], value=None)]
            return [refused_section(film, answer.message, shown), *nothing]
        hottest = hottest_region(film.shown_map, film.regions)
        choices = region_choices(film.regions, hottest)
        shape = answer.kept.shape if answer.kept else None
        strange, own = is_strange(film), answer.own_normals > 0
        figure = map_figure(film.image, film.shown_map, film.scale, shape, strange, own)
        rebuilt = ""
        if film.reconstruction is not None:
            counts = reconstruction_counts(self.inference.detector(answer.model))
            rebuilt = rebuilt_figure(film.image, film.reconstruction, shape, counts)
        return [
            verdict_section(film, answer.note, shown),
            gr.update(visible=True),
            figure,
            rebuilt,
            gr.update(choices=choices, value=f"{hottest[0]},{hottest[1]}"),
        ]

    def choose(self, films: dict[int, Answer], event: gr.EventData) -> list:
        """Show the film of a row of the table, or why it got no score."""
        number = int(event._data["film"])
        return [*self.view(films or {}, number), number]

    def full_size(self, files: list, films: dict[int, Answer], chosen: int) -> list:
        """The film at full size for the viewer; the browser sends it again, and it is deleted."""
        paths = paths_of(files)
        answer, film = _kept(films, chosen), _scored(films, chosen)
        try:
            pixels = self.inference.full_size(self.uploads.take(paths[0]))
        except ImageError as error:
            raise gr.Error(str(error), print_exception=False) from None
        settings = self.inference.detector(answer.model).preprocessing
        return [full_figure(pixels, film.shown_map, film.scale, settings), None]

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
        hottest = (row, col) == hottest_region(film.shown_map, film.regions)
        score = float(film.regions[row, col])
        said = reasons(self.inference.detector(films[chosen].model))
        return picture, why_figure(why, row, col, score, said, film.score, hottest)


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
