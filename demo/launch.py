"""From a command line to a page that listens; everything about the server is decided here."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.doors import Doorkeeper, Doors, open_doors
from demo.privacy import MAX_FILE_BYTES, UploadFolder
from simsid.cli import command_parser, parse
from simsid.errors import SimsidError, check_at_least_one
from simsid.files import path_text

if TYPE_CHECKING:  # Gradio reads its settings on import, and torch is slow to come
    import gradio as gr
    from jsonargparse import ArgumentParser

    from demo.inference import Inference
    from simsid.review import Review

_VENDOR = Path(__file__).with_name("vendor")
_STYLE = Path(__file__).with_name("page.css")
_STREAM = Path(__file__).with_name("stream.js")  # no click of any page may be lost
_QUEUE = 64
_AT_ONCE = 2  # requests that are scored at the same time
_SESSIONS = 200
_STATUS_SECONDS = 1.0  # between messages to all who wait; after every answer is far too often
# Gradio reads these when it is imported: nothing is sent anywhere, and nothing is remembered.
_SETTINGS = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
_SETTINGS |= {"GRADIO_RUN_HISTORY": "False"}
# It would keep a table of the last 10,000 requests, and sum it up anew after each one.
_SETTINGS |= {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000"}

# Gradio announces a finished request to screen readers by a key that it has no words for.
_WORDS = {"common.complete": "Done", "common.error": "Something went wrong"}


@dataclass
class Server:
    """A page that listens.

    Attributes:
        url: where it is, on this machine.
    """

    url: str
    page: gr.Blocks
    inference: Inference
    uploads: UploadFolder

    def close(self) -> None:
        """Stop listening, stop decoding, remove the uploads."""
        self.page.close(verbose=False)
        self.inference.close()
        self.uploads.close()


def make_parser() -> ArgumentParser:
    """The options of ``python app.py``."""
    parser = command_parser(
        "python app.py",
        "Open the page that scores films in a browser. Research software, not a medical "
        "device. SIMSID_PASSWORD holds the password for visitors from other machines, or "
        "SIMSID_PASSWORD_FILE names a file with it. "
        "SIMSID_MODELS lists the models that visitors choose among, the default first, separated "
        "by commas or spaces: user/name or user/name@revision (from the Hub; the page opens before "
        "they arrive) or bundled:NAME. Without a bundled:NAME it offers all bundled models. "
        "--model adds your own models and puts them first.",
    )
    add = parser.add_argument
    add(
        "--model",
        type=path_text,
        action="append",
        default=[],
        metavar="FOLDER",
        help="run folder or model folder to offer; repeat it for more; the first is the default",
    )
    add(
        "--host",
        type=str | None,
        default=None,
        help="address to listen on; default: 127.0.0.1, this machine only",
    )
    add("--port", type=int | None, default=None, help="port; default: the first free one from 7860")
    add(
        "--name",
        action="append",
        default=[],
        help="name that others use to reach this machine; repeat it for more",
    )
    add(
        "--queue",
        type=int,
        default=_QUEUE,
        help="requests that may wait; the page tells the rest that it is busy",
    )
    add(
        "--no-auth",
        action="store_true",
        help="let in everybody who reaches the address, without a password",
    )
    return parser


def prepare_gradio() -> UploadFolder:
    """Make the folder of uploads, and the settings that Gradio reads when it is imported."""
    uploads = UploadFolder()
    os.environ.update(_SETTINGS | {"GRADIO_TEMP_DIR": str(uploads.path)})
    return uploads


def start(
    doors: Doors,
    port: int | None = None,
    password: str | None = None,
    queue: int = _QUEUE,
    folders: Sequence[str] = (),
) -> Server:
    """Build the page and listen, in threads of this process.

    Args:
        queue: how many requests may wait beyond those that are being scored.
        folders: run folders or model folders to offer, before all other models.

    Raises:
        SimsidError: a folder, ``SIMSID_MODELS`` or the port cannot be used.
    """
    os.environ.update(_SETTINGS)
    from demo.model_list import VARIABLE, named_models
    from demo.own_models import open_folders
    from demo.shelf import ModelShelf

    shelf = ModelShelf(named_models(os.environ.get(VARIABLE, "")), own=open_folders(folders))
    uploads = prepare_gradio()
    # Only now, since Gradio reads its settings on import.
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    from demo.forget import Memory, use_few_arenas
    from demo.inference import Inference
    from demo.page import build_page

    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Its warnings quote addresses that let anybody in, and folders of this machine.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="huggingface_hub")
    use_few_arenas()
    inference = Inference(shelf)
    page, style, head = build_page(inference, uploads)
    app, url = listen(page, doors, port, style, head, uploads, password, queue)
    app.router.routes.insert(0, Mount("/viewer", StaticFiles(directory=_VENDOR)))
    threading.Thread(target=inference.warm_up, name="warm-up", daemon=True).start()
    shelf.start()
    memory = Memory(page)
    uploads.sweep_for_ever(memory.wanted, memory.forget)
    return Server(url, page, inference, uploads)


def open_review(review: Review, maps: Path | None, port: int | None = None) -> None:
    """Show the films of a review, on this machine alone, until Ctrl-C.

    Args:
        maps: where ``simsid.score --maps`` left the maps of these films.

    Raises:
        SimsidError: the port cannot be used.
    """
    uploads = prepare_gradio()
    from demo.review_page import KEYS, build_page

    page = build_page(review, maps)
    _, url = listen(page, Doors(), port, _STYLE.read_text("utf-8"), KEYS)
    print(f"The page is at {url} (Ctrl-C stops it)", flush=True)
    try:
        page.block_thread()
    finally:
        page.close(verbose=False)
        uploads.close()


def listen(
    page: gr.Blocks,
    doors: Doors,
    port: int | None,
    style: str,
    head: str,
    uploads: UploadFolder | None = None,
    password: str | None = None,
    queue: int = _QUEUE,
) -> tuple[Any, str]:
    """Open a page that is laid out, behind the doors; returns Gradio's application and the address.

    Args:
        style, head: of the page.
        uploads: where its uploads lie; None for a page that takes none and has no endpoints.

    Raises:
        SimsidError: the port cannot be used.
    """
    import gradio as gr
    from starlette.middleware import Middleware

    from demo.components import tighten_gradio
    from demo.password import LoginGate, Password, login_message

    tighten_gradio()
    page.queue(_STATUS_SECONDS, False, queue, default_concurrency_limit=_AT_ONCE)
    stored = {"stored": uploads.size} if uploads else {}
    middleware = [Middleware(Doorkeeper, doors=doors, **stored)]
    if password:
        middleware.append(Middleware(LoginGate, style=_STYLE.read_text("utf-8")))
    try:
        app, url, _ = page.launch(
            i18n=gr.I18n(en=_WORDS),
            server_name=doors.host,
            server_port=port,
            auth_message=login_message() if password else None,
            auth=Password(password).admits if password else None,
            app_kwargs={
                "middleware": middleware,
                "docs_url": None,
                "redoc_url": None,
                "openapi_url": None,
            },
            css=style,
            head=f"<script>{_STREAM.read_text('utf-8')}</script>{head}",
            theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
            max_file_size=MAX_FILE_BYTES,
            state_session_capacity=_SESSIONS,
            show_error=False,
            run_history=False,
            enable_monitoring=False,
            footer_links=["api", "settings"] if uploads else [],
            share=False,
            ssr_mode=False,
            mcp_server=uploads is not None,
            quiet=True,
            prevent_thread_lock=True,
            _frontend=False,  # it would ask itself whether it answers, and give up when busy
        )
    except (OSError, OverflowError) as error:
        raise SimsidError(f"{_why_not(doors.host, port)}: name another with --port") from error
    return app, url


def _why_not(host: str, port: int | None) -> str:
    """Why no page can listen there; Gradio does not tell."""
    if port is None:
        return "port 7860 and the next ones cannot be used"
    for name in ("127.0.0.1", host):
        try:
            socket.create_server((name, port)).close()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"port {port} is in use, perhaps by a page that already runs there"
        except OverflowError:
            break  # no port has this number
    return f"port {port} cannot be used"


def take_password() -> str | None:
    """The password, taken out of the environment, which processes of this one would inherit.

    Raises:
        SimsidError: the file that should hold it cannot be read, or is empty.
    """
    password = os.environ.pop("SIMSID_PASSWORD", None)
    file = os.environ.pop("SIMSID_PASSWORD_FILE", None)
    if password or not file:
        return password
    try:
        password = Path(file).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SimsidError(
            f"SIMSID_PASSWORD_FILE {file} cannot be read, make it readable: {why}"
        ) from error
    if not password:
        raise SimsidError(f"SIMSID_PASSWORD_FILE {file} is empty: write the password into it")
    return password


def main(arguments: list[str] | None = None) -> int:
    """Command line: listen until interrupted.

    Raises:
        SimsidError: the doors must not be opened like that, or a model, SIMSID_MODELS or the
            plugin is wrong; for ``run_command`` to print.
    """
    password = take_password()  # before a plugin is imported, and whatever that imports
    os.environ.update(_SETTINGS)
    options = parse(make_parser(), arguments)
    doors = open_doors(options.host, options.name, password, options.no_auth)
    check_at_least_one(queue=options.queue)
    server = start(doors, options.port, password, options.queue, options.model)
    print(f"The page is at {server.url} (Ctrl-C stops it)", flush=True)
    try:
        server.page.block_thread()
    finally:
        server.close()
    return 0
