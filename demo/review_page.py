"""The face of ``simsid.review``: one film at a time in a browser on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from demo.components import guarded, inline_image
from demo.words import css_class_of
from simsid.data.decode.pool import read_untrusted
from simsid.data.find import common_folder
from simsid.data.own_files import is_map
from simsid.errors import ImageError
from simsid.map_files import MapFiles
from simsid.marks import ABNORMAL, BLIND, NORMAL
from simsid.review import Review

_LONGEST, _SHORTEST = 1600, 560  # pixels of a film's longer side on the page
_SHOWN = {"interactive": False, "height": _SHORTEST, "buttons": ["fullscreen"]}
KEYS = """<script>document.addEventListener("keydown", event => {
  const button = {n: "normal", a: "abnormal", ArrowRight: "later", ArrowLeft: "back"}[event.key];
  if (button && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey)
    document.querySelector(`#review-${button}`)?.click();
});
const shown = { film: "The film", map: "The film with its anomaly map" };
new MutationObserver(() => {
  for (const [place, text] of Object.entries(shown))
    for (const image of document.querySelectorAll(`#review-${place} img`))
      if (image.alt !== text) image.alt = text;
}).observe(document.documentElement, { childList: true, subtree: true });</script>"""
_HINT = (
    '<p class="hint">Keys: <b>n</b> normal, <b>a</b> abnormal, arrows to go on and back. '
    "Each mark is kept at once; what you leave for later comes again at the end. "
    "Research only, not a medical device.</p>"
)


def build_page(review: Review, maps: Path | None) -> gr.Blocks:
    """The film and its map, what was scored, four buttons, and what the marks say."""
    drawn = MapFiles(maps, common_folder(review.scanned), False) if maps else None

    def show(at: int, seen: bool = False) -> list:
        film, picture, told, summary = screen(review, at, drawn)
        there = [gr.update(visible=each is not None) for each in (film, picture)]
        live = [gr.update(interactive=at < len(review.rows)) for _ in range(3)]
        return [Place(at, seen), film, picture, told, summary, *there, *live]

    @guarded
    def mark(place: Place, said: str) -> list:
        return show(marked(review, place, said))

    @guarded
    def forward(place: Place) -> list:
        return show(review.next_unmarked(place.at))

    @guarded
    def backward(place: Place) -> list:
        return show(max(place.at - 1, 0), True)

    with gr.Blocks(title="Review of scored films", analytics_enabled=False) as page:
        place = gr.State(Place())
        told = gr.HTML(elem_id="review-told")
        with gr.Row(elem_id="review-buttons"):
            normal = gr.Button("Normal", elem_id="review-normal")
            abnormal = gr.Button("Abnormal", elem_id="review-abnormal")
            later = gr.Button("Later", elem_id="review-later")
            back = gr.Button("Back", elem_id="review-back")
        gr.HTML(_HINT)
        with gr.Row():  # an inline image that is hidden itself forgets that it is one
            with gr.Column() as films:
                film = inline_image(label="Film", elem_id="review-film", **_SHOWN)
            with gr.Column(visible=False) as maps_shown:
                picture = inline_image(label="Anomaly map", elem_id="review-map", **_SHOWN)
        summary = gr.HTML(elem_id="review-summary")
        shown = [place, film, picture, told, summary, films, maps_shown, normal, abnormal, later]
        steps = {
            page.load: forward,
            normal.click: lambda place: mark(place, NORMAL),
            abnormal.click: lambda place: mark(place, ABNORMAL),
            later.click: forward,
            back.click: backward,
        }
        for happens, step in steps.items():
            happens(step, place, shown, api_visibility="private", show_progress="hidden")
    return page


@dataclass(frozen=True)
class Place:
    """Where a visitor is.

    Attributes:
        at: which film of ``review.rows``; their number at the end, -1 before the first.
        back: whether the visitor went back to it, so that a mark may be changed.
    """

    at: int = -1
    back: bool = False


def marked(review: Review, place: Place, said: str) -> int:
    """Mark the film that is shown; which film comes next.

    At the end nothing is marked. In a blind review a film has its mark changed only by who went
    back to it: not by a key that was pressed twice, nor by a second reader at the same time.
    """
    if place.at < len(review.rows):
        row = review.rows[place.at]
        if place.back or review.order != BLIND or review.hides(row):
            review.put(row, said)
    return review.next_unmarked(place.at)


def screen(
    review: Review, at: int, drawn: MapFiles | None
) -> tuple[np.ndarray | None, np.ndarray | None, str, str]:
    """The film, its map, what is told of it and what the marks say; blind, the film alone.

    Args:
        at: which film of ``review.rows``; their number: none, since all are marked.
        drawn: where maps lie, or None.
    """
    if at == len(review.rows):
        return None, None, _end(review), _summary(review)
    row = review.rows[at]
    path, hidden = Path(row["file"]), review.hides(row)
    film, note = _film(path)
    if hidden and note:
        note = "The film cannot be shown."  # why names the file
    picture = _picture(drawn.picture_of(path)) if drawn and not hidden else None
    return film, picture, _told(review, at, note), _summary(review)


def _film(path: Path) -> tuple[np.ndarray | None, str]:
    try:
        pixels = read_untrusted(path).pixels
    except (ImageError, OSError) as error:
        return None, f"The film cannot be shown: {error}"
    grey = pixels
    if grey.dtype != np.uint8:
        grey = np.round(np.clip(grey, 0, 1) * 255).astype(np.uint8)
    return _sized(Image.fromarray(grey)), ""


def _picture(path: Path) -> np.ndarray | None:
    """A map that was written; None where there is none, or it cannot be read."""
    if not (path.is_file() and is_map(path)):
        return None
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return _sized(picture.convert("RGB"))
    except OSError:
        return None


def _sized(picture: Image.Image) -> np.ndarray:
    """Large films smaller; small ones enlarged pixel by pixel, so that nothing is smoothed away."""
    times = _SHORTEST // max(picture.size)
    if times > 1:
        picture = picture.resize(
            (picture.width * times, picture.height * times), Image.Resampling.NEAREST
        )
    picture.thumbnail((_LONGEST, _LONGEST))
    return np.asarray(picture)


def _told(review: Review, at: int, note: str) -> str:
    row, mark = review.rows[at], review.mark_of(review.rows[at])
    if review.hides(row):
        said = f"<p>{escape(note)}</p>" if note else ""
        return (
            '<section class="verdict" aria-live="polite">'
            f"<h1>Film {at + 1} of {len(review.rows)}</h1>"
            f'<p class="hint">Blind: name, score, verdict and map are hidden. '
            "Once the film is marked the next one comes; <b>Back</b> then shows them.</p>"
            f"{said}</section>"
        )
    p_value = f", p = {float(row['p_value']):.3f}" if row["p_value"] else ""
    threshold = f", threshold {float(row['threshold']):.2f}" if row["threshold"] else ""
    lines = [f"Score {float(row['score']):.2f}{threshold}{p_value}.", row["diffuse"], note]
    said = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    marked = f" (marked {mark})" if mark else ""
    return (
        f'<section class="verdict {css_class_of(row["state"])}" aria-live="polite">'
        f"<h1>Film {at + 1} of {len(review.rows)}: {escape(row['state'])}{marked}</h1>"
        f'<p class="hint">{escape(row["file"])}</p>{said}</section>'
    )


def _end(review: Review) -> str:
    then = " A mark that is changed then is no longer blind." if review.order == BLIND else ""
    return (
        '<section class="verdict" aria-live="polite">'
        f"<h1>All {len(review.rows)} films are marked.</h1>"
        "<p>What the marks say stands below. <b>Back</b> shows the films again, with score, verdict "
        f"and map.{then}</p></section>"
    )


def _summary(review: Review) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in review.summary())
    return f'<section aria-live="polite"><h2>What the marks say</h2><ul>{lines}</ul></section>'
