"""The Score tab: one film or many in; verdict, map, reconstruction, regions and reasons out."""

from __future__ import annotations

import gradio as gr
import numpy as np

from demo.batch import COLUMNS, TYPES, downloads, table_rows
from demo.components import guarded, inline_image, inline_slider
from demo.digits import examples
from demo.histogram import histogram
from demo.inference import Film, FilmResult, Inference, refusal
from demo.pictures import caption, enlarged, map_figure, region_at, regions_picture, why_figure
from demo.privacy import KEEP_FILM_SECONDS, MAX_FILE_BYTES, MAX_FILES, UploadFolder
from demo.words import FORGOTTEN, SCORED, basis, headline
from simsid.errors import ImageError, SimsidError

# Inputs come as they were sent and are checked here: Gradio's own checks would copy files about,
# and log a traceback with the offending value.
_EVENT = {"concurrency_limit": 2, "concurrency_id": "scoring", "api_visibility": "private"}
_EVENT |= {"preprocess": False}
_NO_EXAMPLES = (
    "No examples: the kit ships no films of patients. "
    "Drop a film of your own, or choose the DigitAnatomy model."
)


class ScoreTab:
    """Layout and events; what a visitor's session keeps is a list of small films in memory."""

    def __init__(self, inference: Inference, uploads: UploadFolder, model: gr.Dropdown) -> None:
        self.inference, self.uploads, self.model = inference, uploads, model
        self.examples = examples()
        self.films = gr.State({}, time_to_live=KEEP_FILM_SECONDS)
        self.chosen = gr.State(0, time_to_live=KEEP_FILM_SECONDS)
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                self._lay_out_inputs()
            with gr.Column(scale=5, min_width=300):
                self._lay_out_results()
        self._connect()

    def _lay_out_inputs(self) -> None:
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
        synthetic = self.inference.is_synthetic(self.model.value)
        with gr.Group(visible=synthetic, elem_id="examples") as self.example_group:
            gr.Markdown("**Or pick an example** (made by the generator when the page started)")
            with gr.Row(elem_classes="example-row"):
                self.example_buttons = [
                    gr.Button(kind, elem_id=f"example-{kind}", elem_classes="example", min_width=84)
                    for kind in self.examples
                ]
        self.no_examples = gr.Markdown(_NO_EXAMPLES, visible=not synthetic)

    def _lay_out_results(self) -> None:
        self.verdict = gr.HTML(
            '<p class="hint">Drop a film, or pick an example: the verdict, the map and the reasons '
            "appear here.</p>",
            elem_id="verdict",
        )
        with gr.Column(visible=False, elem_id="batch") as self.batch:
            self.table = gr.Dataframe(
                headers=list(COLUMNS),
                datatype=list(TYPES),
                interactive=False,
                label="All films, in the order of the upload; a heading sorts, a row shows its film",
                max_height=340,
                wrap=True,
                column_widths=[60, 84, 90, 90, 80, 100, 260],
                elem_id="table",
                buttons=[],
            )
            self.links = gr.HTML(elem_id="links")
        with gr.Column(visible=False, elem_id="details") as self.details:
            with gr.Row(equal_height=False):
                with gr.Column(min_width=260):
                    self.map = gr.HTML(elem_id="map")
                with gr.Column(min_width=260):
                    gr.HTML(caption("Film | rebuilt from normals"))
                    self.slider = inline_slider(
                        label="Film and reconstruction",
                        show_label=False,
                        interactive=False,
                        elem_id="slider",
                        buttons=[],
                        max_height=520,
                    )
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

    def _connect(self) -> None:
        view = [self.verdict, self.details, self.map, self.slider, self.region]
        every = [*view, self.batch, self.table, self.links, self.films, self.chosen]
        reason = {"fn": guarded(self.reason), "inputs": [self.films, self.chosen, self.region]}
        reason |= {"outputs": [self.regions, self.why], "show_progress": "hidden"} | _EVENT
        self.upload.upload(
            guarded(self.score_uploads),
            [self.upload, self.model],
            [*every, self.upload],
            show_progress_on=self.verdict,
            **_EVENT,
        ).success(**reason)
        for button in self.example_buttons:
            button.click(
                guarded(self.score_example),
                [button, self.model],
                every,
                show_progress="hidden",
                **_EVENT,
            ).success(**reason)
        self.table.select(
            guarded(self.choose), self.films, [*view, self.chosen], show_progress="hidden", **_EVENT
        ).success(**reason)
        self.region.input(**reason)
        self.regions.select(
            guarded(self.point_at), [self.films, self.chosen], self.region, **_EVENT
        ).success(**reason)
        self.model.change(
            lambda name: [gr.update(visible=v) for v in self._example_visibility(name)],
            self.model,
            [self.example_group, self.no_examples],
            api_visibility="private",
        )

    def _example_visibility(self, model: str) -> tuple[bool, bool]:
        synthetic = self.inference.is_synthetic(model)
        return synthetic, not synthetic

    def score_uploads(self, files: list, model: str, progress: gr.Progress = gr.Progress()) -> list:  # noqa: B008
        """Score every uploaded file; each is deleted as soon as it has been read."""
        paths = [getattr(file, "path", None) or file.get("path") for file in _as_list(files)]
        if len(paths) > MAX_FILES:
            for path in paths:
                self._score_upload(path, None)
            raise gr.Error(f"At most {MAX_FILES} files at once.", print_exception=False)
        results = [
            self._score_upload(path, model)
            for path in (progress.tqdm(paths, desc="Scoring") if len(paths) > 1 else paths)
        ]
        return [*self.show(results), None]

    def _score_upload(self, path: str, model: str | None) -> FilmResult:
        try:
            data = self.uploads.take(path)
        except ImageError as error:
            return refusal(error)
        return (
            refusal(ImageError("missing", "not read"))
            if model is None
            else (self.inference.score_bytes(data, model))
        )

    def score_example(self, kind: str, model: str) -> list:
        """Score one of the examples."""
        return self.show([self.inference.score_array(self.examples[kind], model)])

    def show(self, results: list[FilmResult]) -> list:
        """Values for everything on the tab: the most abnormal film is shown first."""
        scored = {n: result for n, result in enumerate(results, 1) if result.status == SCORED}
        many = len(results) > 1
        first = max(scored, key=lambda number: scored[number].score, default=0)
        shown = scored.get(first, results[0])
        rows = table_rows(results) if many else None
        links = downloads(results, self.inference) if many else ""
        films = {number: result.film for number, result in scored.items()}
        return [*self.view(shown), gr.update(visible=many), rows, links, films, first]

    def view(self, result: FilmResult) -> list:
        """Values for the view of one film."""
        if result.status != SCORED:
            return [_refused(result), gr.update(visible=False), "", None, gr.update(choices=[])]
        film, calibration = result.film, self.inference.detector(result.film.model).calibration
        name = next(iter(calibration.scores))
        plot = histogram(
            calibration.scores[name], result.score, calibration.threshold(name), result.p_value
        )
        order = sorted(np.ndindex(result.regions.shape), key=lambda at: -result.regions[at])
        choices = [
            (f"row {row + 1}, column {col + 1}: {result.regions[row, col]:.1f}", f"{row},{col}")
            for row, col in order
        ]
        figure = map_figure(film.image, result.anomaly_map, self.inference.scale(film.model))
        pair = None
        if result.reconstruction is not None:
            pair = (enlarged(film.image), enlarged(result.reconstruction))
        return [
            _verdict(result, plot),
            gr.update(visible=True),
            figure,
            pair,
            gr.update(choices=choices, value=choices[0][1]),
        ]

    def choose(self, films: dict[int, Film], event: gr.SelectData) -> list:
        """Show the film of a row of the table; a refused one has nothing to show."""
        number = int(float(event.row_value[0]))
        if films and number not in films:
            raise gr.Error(f"Film {number} has no score: see its note.", print_exception=False)
        return [*self.view(self.inference.score_film(_kept(films, number))), number]

    def point_at(self, films: dict[int, Film], chosen: int, event: gr.SelectData) -> str:
        """The region under a click."""
        film = _kept(films, chosen)
        grid = self.inference.detector(film.model).grid_size
        row, col = region_at(tuple(event.index), film.pixels.shape, grid)
        return f"{row},{col}"

    def reason(self, films: dict[int, Film], chosen: int, region: str | None) -> tuple:
        """The grid with the chosen region framed, and why it scored as it did."""
        if not region or not films:
            return None, ""
        film = _kept(films, chosen)
        row, col = (int(part) for part in region.split(","))
        regions = self.inference.score_film(film).regions
        picture = regions_picture(film.image, regions, (row, col))
        try:
            why = self.inference.explain(film, row, col)
        except SimsidError as error:
            return picture, f"<p>{error}</p>"
        return picture, why_figure(why, row, col, float(regions[row, col]))


def _kept(films: dict[int, Film], number: int) -> Film:
    if number not in (films or {}):
        raise gr.Error(FORGOTTEN, print_exception=False)
    return films[number]


def _as_list(files: object) -> list:
    files = getattr(files, "root", files)
    return list(files) if isinstance(files, list | tuple) else [files]


def _verdict(result: FilmResult, plot: str) -> str:
    note = f'<p class="note">Note: {result.message}.</p>' if result.message else ""
    return (
        f'<section class="verdict {result.verdict}" aria-live="polite"><h2>{headline(result)}</h2>'
        f"<p>{basis(result)}</p>{note}{plot}</section>"
    )


def _refused(result: FilmResult) -> str:
    return (
        '<section class="verdict refused" role="alert"><h2>Not scored</h2>'
        f"<p>{result.message}</p></section>"
    )
