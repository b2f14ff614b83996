"""Gradio's components, with pictures inside the answer instead of files in a cache."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

import gradio as gr
import gradio.mcp
import numpy as np
from gradio import processing_utils, queueing, route_utils, routes
from gradio.data_classes import ImageData
from starlette.datastructures import FormData
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.mcp_tools import ToolServer
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


def _inline(value: np.ndarray | None) -> ImageData | None:
    return None if value is None else ImageData(url=data_url(png_bytes(value)))


class NamelessUploads(route_utils.GradioMultiPartParser):
    """Gradio's parser of uploads, which forgets file names before anything is written."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **(options | {"max_files": MAX_FILES, "max_fields": MAX_FILES}))

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if self._current_part.file is not None:
            self._current_part.file.filename = random_name(self._current_part.file.filename or "")

    async def parse(self) -> FormData:
        """Leaves nothing of an upload that is broken off."""
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
            raise


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
    gradio.mcp.GradioMCPServer = ToolServer
    for module in (queueing, routes, route_utils):
        module.traceback = KindOnly
    # Wherever a file may stand, an address may too, and would be fetched.
    processing_utils.async_ssrf_protected_get = _fetch_nothing
    processing_utils.async_ssrf_protected_download = _fetch_nothing


class KindOnly:
    """Stands where Gradio prints tracebacks, which quote paths and visitors' values."""

    @staticmethod
    def print_exc() -> None:
        """Log the kind of the exception that is being handled."""
        _log.error("request failed: %s", type(sys.exc_info()[1]).__name__)


async def _fetch_nothing(url: str, cache_dir: str | None = None) -> NoReturn:
    raise gr.Error("addresses are never fetched", print_exception=False)


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
