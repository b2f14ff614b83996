"""The face of ``simsid.review``: one film at a time in a browser on this machine."""

from __future__ import annotations

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
from simsid.marks import ABNORMAL, NORMAL
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
    "Each mark is kept at once. Research only, not a medical device.</p>"
)


def build_page(review: Review, maps: Path | None) -> gr.Blocks:
    """The film and its map, what was scored, four buttons, and what the marks say."""
    files = [Path(row["file"]) for row in review.rows]
    drawn = MapFiles(maps, common_folder(review.scanned), False) if maps else None

    @guarded
    def show(at: int) -> tuple:
        return at, *screen(review, at, drawn)

    @guarded
    def mark(at: int, said: str) -> tuple:
        review.put(review.rows[at], said)
        return show(min(at + 1, len(files) - 1))

    with gr.Blocks(title="Review of scored films", analytics_enabled=False) as page:
        place = gr.State(0)
        told = gr.HTML(elem_id="review-told")
        with gr.Row(elem_id="review-buttons"):
            normal = gr.Button("Normal", elem_id="review-normal")
            abnormal = gr.Button("Abnormal", elem_id="review-abnormal")
            later = gr.Button("Later", elem_id="review-later")
            back = gr.Button("Back", elem_id="review-back")
        gr.HTML(_HINT)
        with gr.Row():
            film = inline_image(label="Film", elem_id="review-film", **_SHOWN)
            picture = inline_image(
                label="Anomaly map", visible=maps is not None, elem_id="review-map", **_SHOWN
            )
        summary = gr.HTML(elem_id="review-summary")
        shown = [place, film, picture, told, summary]
        steps = {
            page.load: show,
            normal.click: lambda at: mark(at, NORMAL),
            abnormal.click: lambda at: mark(at, ABNORMAL),
            later.click: lambda at: show(min(at + 1, len(files) - 1)),
            back.click: lambda at: show(max(at - 1, 0)),
        }
        for happens, step in steps.items():
            happens(step, place, shown, api_visibility="private", show_progress="hidden")
    return page


def screen(
    review: Review, at: int, drawn: MapFiles | None
) -> tuple[np.ndarray | None, np.ndarray | None, str, str]:
    """The film, its map, what is told of it and what the marks say; blind, the film alone.

    Args:
        at: which film of ``review.rows``. drawn: where maps lie, or None.
    """
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
            f'<p class="hint">Blind: name, score, verdict and map are shown once the film is marked.</p>'
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


def _summary(review: Review) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in review.summary())
    return f'<section aria-live="polite"><h2>What the marks say</h2><ul>{lines}</ul></section>'
