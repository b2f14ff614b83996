"""Arrays become pictures for the page: PNG inside the answer, never a file; HTML with alt texts."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from simsid.detectors.contract import Explanation
from simsid.map_scale import MapScale, colour_bar, overlay

OPACITY, FADED = 85, 35  # percent, at first; of a map with no verdict behind it
REGIONS_SCALE = (
    "A region's number has a scale of its own: standard deviations of the same region of normals, one "
    "number for all of it. It cannot be compared with the bar below the map, which is point by point."
)
NO_VERDICT = (
    "No verdict stands behind this map, so it is faded: it compares the film with normals of another "
    "kind, and may colour what is usual where the film comes from."
)
_REGIONS_SIDE = 512
_THUMBNAIL = 56
_SLOTS = 5
_WHITE, _BLACK, _CHOSEN = (255, 255, 255), (0, 0, 0), (86, 180, 233)


def png_bytes(picture: np.ndarray) -> bytes:
    """Encode float in [0, 1] (height, width) or uint8 (height, width[, 3]); holds no metadata."""
    if picture.dtype != np.uint8:
        picture = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)  # a quarter of the time
    return file.getvalue()


def data_url(content: bytes, kind: str = "image/png") -> str:
    """Bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def image_tag(picture: np.ndarray, alt: str, css_class: str = "") -> str:
    """An ``<img>`` with its picture inside and an alternative text."""
    source = data_url(png_bytes(picture))
    return f'<img class="{css_class}" src="{source}" alt="{escape(alt, quote=True)}">'


def caption(text: str) -> str:
    """A line above a picture."""
    return f'<p class="caption">{text}</p>'


def enlarged(picture: np.ndarray, side: int = _REGIONS_SIDE) -> UInt8[np.ndarray, "h w"]:
    """A small film brought to about ``side`` pixels, smoothly; a large one stays as it is."""
    grey = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    factor = max(1, round(side / max(grey.shape)))
    size = (grey.shape[1] * factor, grey.shape[0] * factor)
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))


def map_layer(
    anomaly_map: Float[np.ndarray, "height width"], scale: MapScale
) -> UInt8[np.ndarray, "height width 4"]:
    """The map's colour alone, transparent where nothing stands out: over a film it is ``overlay``."""
    black, white = (np.full(anomaly_map.shape, level, np.float32) for level in (0, 1))
    on_black, on_white = (overlay(ground, anomaly_map, scale) / 255.0 for ground in (black, white))
    alpha = 1 - (on_white - on_black).mean(-1, keepdims=True)
    colour = np.divide(on_black, alpha, out=np.zeros_like(on_black), where=alpha > 1e-3)
    return np.round(255 * np.concatenate([colour.clip(0, 1), alpha], -1)).astype(np.uint8)


def map_figure(
    image: Float[np.ndarray, "height width"],
    anomaly_map: Float[np.ndarray, "height width"],
    scale: MapScale,
    shape: tuple[int, int] | None = None,
    strange: bool = False,
    by_own: bool = False,
) -> str:
    """The film with its anomaly map over it, a control of opacity, and the scale's colour bar.

    Opacity is moved in the browser: the colour lies over the grey film.

    Args:
        shape: (height, width) of the film as it was read, whose proportions are shown.
        strange: whether the film is unlike the model's normals: the map is faded then, and says so.
        by_own: whether the visitor's own normals fix the scale, so that colour begins elsewhere than
            without them: the map's values stay, and it is said.
    """
    opacity, said, kind = OPACITY, "", "map-figure"
    if strange:
        opacity, kind = FADED, "map-figure unjudged"
        said = f'<p class="no-verdict">{NO_VERDICT}</p>'
    whose = "; your normals set where colour begins" if by_own else ""
    most = float(anomaly_map.max())
    words = f"strongest at {most:.1f}, colour begins at {scale.low:.1f} standard deviations"
    stops = ", ".join("rgb({},{},{})".format(*colour) for colour in colour_bar(scale, 9))
    film = image_tag(image, "The film as the model sees it", "film")
    layer = image_tag(map_layer(anomaly_map, scale), f"Anomaly map: {words}", "map-layer")
    layer = layer.replace("<img ", f'<img style="opacity:{opacity / 100}" ', 1)
    return f"""<figure class="{kind}">{caption("Where: anomaly map over the film")}{said}
<div class="stack"{_proportions(shape)}>{film}{layer}</div>
<label>Opacity of the map <input type="range" min="0" max="100" value="{opacity}"
 aria-label="Opacity of the anomaly map in percent"
 oninput="this.closest('figure').querySelector('.map-layer').style.opacity=this.value/100"></label>
<div class="colour-bar" style="background:linear-gradient(90deg,{stops})" role="img"
 aria-label="Colour bar from {scale.low:.1f} to {scale.high:.1f}"></div>
<div class="colour-bar-text"><span>{scale.low:.1f}</span><span>standard deviations of normals, point by point;
 the same scale for every film{whose}</span><span>≥ {scale.high:.1f}</span></div></figure>"""


def rebuilt_figure(
    image: Float[np.ndarray, "height width"],
    rebuilt: Float[np.ndarray, "height width"],
    shape: tuple[int, int] | None = None,
    has_a_share: bool = True,
) -> str:
    """The film beside what memory made of it, with a line between that keys and pointer move.

    Args:
        has_a_share: whether what is rebuilt counts in the score.
    """
    told = "" if has_a_share else " (an illustration: no share in the score)"
    film = image_tag(image, "The film as the model sees it", "film")
    over = image_tag(rebuilt, "The film, rebuilt from remembered normals", "rebuilt")
    move = "this.closest('figure').style.setProperty('--line', this.value+'%')"
    drag = (
        "if(event.buttons){const r=this.getBoundingClientRect(),s=this.closest('figure')"
        ".querySelector('input');s.value=100*(event.clientX-r.left)/r.width;s.oninput()}"
    )
    return f"""<figure class="map-figure">{caption(f"Film | rebuilt from normals{told}")}
<div class="stack"{_proportions(shape)} onpointerdown="{drag}" onpointermove="{drag}">
{film}{over}<i class="line"></i></div>
<label>Film <input type="range" min="0" max="100" value="50" oninput="{move}"
 aria-label="Line between the film and its reconstruction, in percent from the left"> Rebuilt</label>
</figure>"""


def _proportions(shape: tuple[int, int] | None) -> str:
    return "" if shape is None else f' style="--shape:{shape[1]}/{shape[0]}"'


def regions_picture(
    image: Float[np.ndarray, "height width"],
    regions: Float[np.ndarray, "rows cols"],
    chosen: tuple[int, int] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """The film with the grid of regions and each region's score; the chosen one is framed."""
    grey = enlarged(image)
    picture = Image.fromarray(np.repeat(grey[..., None], 3, 2))
    draw = ImageDraw.Draw(picture)
    (rows, cols), (height, width) = regions.shape, grey.shape
    font = ImageFont.load_default(max(12, width // cols // 8))
    for row, col in np.ndindex(rows, cols):
        box = (col * width // cols, row * height // rows)
        end = ((col + 1) * width // cols - 1, (row + 1) * height // rows - 1)
        draw.rectangle((*box, *end), outline=(120, 120, 120))
        place = (box[0] + 6, box[1] + 4)
        text = f"{regions[row, col]:.1f}"
        draw.text(place, text, _WHITE, font, stroke_width=3, stroke_fill=_BLACK)
    if chosen is not None:
        row, col = chosen
        box = (col * width // cols, row * height // rows)
        end = ((col + 1) * width // cols - 1, (row + 1) * height // rows - 1)
        draw.rectangle((*box, *end), outline=_CHOSEN, width=5)
    return np.asarray(picture)


def region_at(
    pixel: tuple[int, int], shape: tuple[int, int], grid: tuple[int, int]
) -> tuple[int, int]:
    """(row, column) of the region under pixel (x, y) of ``regions_picture``'s film."""
    height, width = enlarged(np.zeros(shape, np.float32)).shape
    x, y = pixel
    row, col = y * grid[0] // height, x * grid[1] // width
    return min(max(row, 0), grid[0] - 1), min(max(col, 0), grid[1] - 1)


def hottest_region(
    anomaly_map: Float[np.ndarray, "height width"], regions: Float[np.ndarray, "rows cols"]
) -> tuple[int, int]:
    """(row, column) of the region that the map's highest value lies in.

    Where the map is flat there is no such place: then it is the region of the highest score.
    """
    (height, width), (rows, cols) = anomaly_map.shape, regions.shape
    if anomaly_map.max() <= anomaly_map.min():
        row, col = np.unravel_index(int(regions.argmax()), regions.shape)
    else:
        y, x = np.unravel_index(int(anomaly_map.argmax()), anomaly_map.shape)
        row, col = y * rows // height, x * cols // width
    return int(row), int(col)


def region_choices(
    regions: Float[np.ndarray, "rows cols"], hottest: tuple[int, int]
) -> list[tuple[str, str]]:
    """What the list of regions offers: where the map is hottest, then the highest score first.

    Returns:
        words, and 'row,column', of each region.
    """
    order = sorted(np.ndindex(regions.shape), key=lambda at: (at != hottest, -regions[at]))
    return [
        (
            f"row {row + 1}, column {col + 1}: {regions[row, col]:.1f}"
            + (", hottest on the map" if (row, col) == hottest else ""),
            f"{row},{col}",
        )
        for row, col in order
    ]


def why_figure(
    why: Explanation,
    row: int,
    col: int,
    score: float,
    reasons: str,
    film_score: float | None = None,
    hottest: bool = False,
) -> str:
    """The patch, what memory made of it, and the normal slots it was made from, with weights.

    Args:
        reasons: what drives the model's score, see ``demo.mechanism``.
        hottest: whether the map is strongest in this region.
    """
    place = f"row {row + 1}, column {col + 1}"
    cells = [
        (why.patch, "found here", f"The region at {place} of this film"),
        (why.expected, "expected here", f"What a normal film would have at {place}"),
    ]
    if why.inpainted is not None:
        cells.append((why.inpainted, "rebuilt from normals", f"The region at {place}, rebuilt"))
    for number, weight in enumerate(why.weights[:_SLOTS]):
        if why.slot_images is not None:
            caption = f"remembered, weight {weight:.2f}"
            alt = f"Remembered normal pattern {number + 1} for this region, weight {weight:.2f}"
            cells.append((why.slot_images[number], caption, alt))
    figures = "".join(
        f"<figure>{image_tag(picture, alt)}<figcaption>{caption}</figcaption></figure>"
        for picture, caption, alt in cells
    )
    kind, where = "", ", where the map is hottest," if hottest else ""
    if film_score is not None and f"{score:.1f}" != f"{film_score:.1f}":
        kind = (
            f'<p class="hint">The film\'s score of {film_score:.2f} is a number of another kind: it '
            "weighs all regions together. A region is compared with the same region of normals, "
            "so that one of them may well score higher than the film.</p>"
        )
    return (
        f'<section class="why" aria-live="polite"><p>Region {place}{where} scores <b>{score:.1f}</b> '
        f"on the scale of regions. {escape(reasons)} <i>Expected here</i> is told from the rest of the "
        f"film alone, from how normal films vary; it is coarse.</p>{kind}"
        f"<div>{figures}</div></section>"
    )


def thumbnail(image: Float[np.ndarray, "height width"], alt: str) -> str:
    """A small ``<img>`` for a table."""
    grey = Image.fromarray(np.round(np.clip(image, 0, 1) * 255).astype(np.uint8))
    grey.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return image_tag(np.asarray(grey), alt, "thumbnail")


def download_link(content: bytes, kind: str, name: str, text: str) -> str:
    """A link that saves its content; nothing waits on the server for it."""
    count = len(content)
    size = f"{count / 1e6:.1f} MB" if count > 1e5 else f"{max(count, 1000) / 1e3:.0f} kB"
    source = data_url(content, kind)
    return f'<a class="take-away" download="{name}" href="{source}">{text} ({size})</a>'
