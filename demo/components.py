"""Gradio's components, with pictures inside the answer instead of files in a cache."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr
import numpy as np
from gradio import route_utils, routes
from gradio.components.imageslider import SliderData
from gradio.data_classes import ImageData
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.pictures import data_url, png_bytes
from demo.privacy import MAX_FILES, random_name
from demo.words import FAILED
from simsid.errors import SimsidError
from synth import SynthError

_log = logging.getLogger(__name__)


def inline_image(**options: Any) -> gr.Image:
    """An image that travels inside the answer: lossless, and never a file."""
    image = gr.Image(**options)
    image.postprocess = _inline  # of this one; Gradio writes a stub file beside any subclass
    return image


def inline_slider(**options: Any) -> gr.ImageSlider:
    """Two images under a slider, both inside the answer."""
    slider = gr.ImageSlider(**options)
    slider.postprocess = _inline_pair
    return slider


def _inline(value: np.ndarray | None) -> ImageData | None:
    return None if value is None else ImageData(url=data_url(png_bytes(value)))


def _inline_pair(value: tuple[np.ndarray, np.ndarray] | None) -> SliderData | None:
    return None if value is None else SliderData(root=tuple(map(_inline, value)))


class NamelessUploads(route_utils.GradioMultiPartParser):
    """Gradio's parser of uploads, which forgets file names before anything is written."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **(options | {"max_files": MAX_FILES, "max_fields": MAX_FILES}))

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if self._current_part.file is not None:
            self._current_part.file.filename = random_name(self._current_part.file.filename or "")


class SameOriginOnly:
    """Stands where Gradio lets other origins of this machine in: they get no such header."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def tighten_gradio() -> None:
    """Put our own parts in the place of Gradio's where it has no setting for what we promise."""
    route_utils.GradioMultiPartParser = NamelessUploads
    routes.CustomCORSMiddleware = SameOriginOnly


def guarded(function: Callable) -> Callable:
    """What a visitor can act on is told; of anything else only its kind is logged."""

    @wraps(function)
    def careful(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except (SimsidError, SynthError) as error:
            raise gr.Error(str(error), print_exception=False) from None
        except gr.Error:
            raise
        except Exception as error:
            # Neither message nor traceback: both may quote the visitor's file.
            number = secrets.token_hex(3)
            _log.error("request failed (%s): %s", number, type(error).__name__)
            raise gr.Error(f"{FAILED} ({number})", print_exception=False) from None

    return careful
