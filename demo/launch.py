"""From a command line to a page that listens; everything about the server is decided here."""

from __future__ import annotations

import argparse
import logging
import os
import threading
from dataclasses import dataclass

from demo.doors import Doorkeeper, Doors, open_doors
from demo.privacy import MAX_FILE_BYTES, UploadFolder

_QUEUE = 64
_SESSIONS = 200
_USER = "simsid"
# Gradio reads these when it is imported: nothing is sent anywhere, and nothing is remembered.
_SETTINGS = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
_SETTINGS |= {"GRADIO_RUN_HISTORY": "False"}


@dataclass
class Server:
    """A page that listens.

    Attributes:
        url: where it is, on this machine.
    """

    url: str
    page: object
    inference: object
    uploads: UploadFolder

    def close(self) -> None:
        """Stop listening, stop decoding, remove the uploads."""
        self.page.close(verbose=False)
        self.inference.close()
        self.uploads.close()


def make_parser() -> argparse.ArgumentParser:
    """The options of ``python app.py``."""
    parser = argparse.ArgumentParser(
        prog="python app.py",
        description="The page: score films in a browser. Research software, not a medical device. "
        "A password for other machines is read from the variable SIMSID_PASSWORD.",
    )
    add = parser.add_argument
    add("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    add("--port", type=int, help="port (default: the first free one from 7860)")
    add("--name", action="append", default=[], help="name by which others reach this machine")
    add("--no-auth", action="store_true", help="let everybody in who can reach the address")
    return parser


def start(doors: Doors, port: int | None = None, password: str | None = None) -> Server:
    """Build the page and listen, in threads of this process."""
    uploads = UploadFolder()
    os.environ.update(_SETTINGS | {"GRADIO_TEMP_DIR": str(uploads.path)})
    # Only now, since Gradio reads the settings above on import.
    import gradio as gr
    from starlette.middleware import Middleware

    from demo.components import tighten_gradio
    from demo.inference import Inference
    from demo.page import build_page

    logging.getLogger("httpx").setLevel(logging.WARNING)
    tighten_gradio()
    inference = Inference()
    page, style, head = build_page(inference, uploads)
    page.queue(max_size=_QUEUE, default_concurrency_limit=2, api_open=False)
    _, url, _ = page.launch(
        server_name=doors.host,
        server_port=port,
        auth=(_USER, password) if password else None,
        app_kwargs={
            "middleware": [Middleware(Doorkeeper, doors=doors)],
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
        css=style,
        head=head,
        theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        max_file_size=MAX_FILE_BYTES,
        state_session_capacity=_SESSIONS,
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=["api", "settings"],
        share=False,
        ssr_mode=False,
        mcp_server=False,
        quiet=True,
        prevent_thread_lock=True,
    )
    threading.Thread(target=inference.warm_up, name="warm-up", daemon=True).start()
    uploads.sweep_for_ever()
    return Server(url, page, inference, uploads)


def main(arguments: list[str] | None = None) -> int:
    """Command line: listen until interrupted.

    Raises:
        SimsidError: the doors must not be opened like that; for ``run_command`` to print.
    """
    options = make_parser().parse_args(arguments)
    password = os.environ.pop("SIMSID_PASSWORD", None)
    doors = open_doors(options.host, options.name, password, options.no_auth)
    server = start(doors, options.port, password)
    print(f"The page is at {server.url} (Ctrl-C stops it)", flush=True)
    try:
        server.page.block_thread()
    finally:
        server.close()
    return 0
