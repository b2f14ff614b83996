"""The named endpoints as MCP tools: called in this process, with no file and no request of its own.

Gradio's server calls its endpoints through a client of the page itself. That client uploads any
local path and fetches any address that stands where a file may stand, and it writes films into a
cache. Here a tool is called directly instead: its film comes in the call, as base64, or was
uploaded before.
"""

from __future__ import annotations

import inspect
import json
import logging
from pathlib import Path
from typing import Any

import anyio
import gradio as gr
import mcp
from anyio.to_thread import run_sync
from gradio.mcp import GradioMCPServer
from mcp import types
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.docstrings import described
from demo.doors import MAX_TOOL_CALL

_AT_ONCE = 2  # calls that are worked on, as many as in the page's queue
_WAITING = 8  # calls that are held in memory, each with its film


class ToolServer(GradioMCPServer):
    """Gradio's list of tools, behind our own doors.

    Relative to Gradio's server: stateless, only POST, only 'list the tools' and 'call a tool'.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(blocks)
        self.manager = StreamableHTTPSessionManager(
            self.mcp_server, json_response=True, stateless=True, max_request_body_size=MAX_TOOL_CALL
        )
        self.lifespan = lambda app: self.manager.run()
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        _keep_calls_out_of_the_log()

    def create_mcp_server(self) -> Server:
        """A server that can list the tools and call one, nothing else."""
        server = Server(str(self.blocks.title))
        server.list_tools()(self._list)
        server.call_tool()(self._call)
        return server

    def get_fn_description(self, block_fn: Any, tool_name: str) -> tuple[str, dict[str, str]]:
        """Gradio's name for: what a tool and its arguments are for, in whole sentences."""
        return described(block_fn.fn)

    def get_input_schema(self, tool_name: str, parameters: Any = None) -> tuple[dict, list]:
        """Gradio's name for: the arguments, each with one description, not with the page's too."""
        schema, files = super().get_input_schema(tool_name, parameters)
        for field in schema["properties"].values():
            field.pop("additional_description", None)
        return schema, files

    def launch_mcp_on_sse(self, app: Starlette, subpath: str, root_path: str) -> None:
        """Gradio's name for: put the routes into the page's application."""
        self.root_path = root_path
        self.blocks.mcp_server = False  # the page's settings name it by now; launch would print it
        for path in (subpath, f"{subpath}/"):
            app.router.routes.append(Route(path, _Door(self.manager.handle_request, "POST")))
        schema = Route(f"{subpath}/schema", self.get_complete_schema)
        app.router.routes.append(Route(schema.path, _Door(schema.app, "GET")))

    async def _list(self) -> list[types.Tool]:
        tools = []
        for name, endpoint in self.tool_to_endpoint.items():
            function = self.get_block_fn_from_endpoint_name(endpoint)
            description, parameters = self.get_fn_description(function, name)
            schema, _ = self.get_input_schema(name, parameters)
            tools.append(types.Tool(name=name, description=description, inputSchema=schema))
        return tools

    async def _call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        if name not in self.tool_to_endpoint:
            return _told("there is no such tool", failed=True)
        function = self.get_block_fn_from_endpoint_name(self.tool_to_endpoint[name]).fn
        try:
            inspect.signature(function).bind(**arguments)
            answer = await run_sync(lambda: function(**arguments), limiter=self._limiter)
        except TypeError:
            return _told("these are not the arguments of this tool", failed=True)
        except gr.Error as error:
            return _told(error.message, failed=True)
        return _told(json.dumps(answer))


class _Door:
    """One route: its one method, and not too many calls at a time."""

    def __init__(self, inside: ASGIApp, method: str) -> None:
        self.inside, self.method = inside, method
        self._calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = None
        if scope["method"] != self.method:
            answer = PlainTextResponse(f"only {self.method}", 405, {"Allow": self.method})
        elif self._calls >= _WAITING:
            answer = PlainTextResponse("busy", 503)
        if answer is not None:
            await answer(scope, receive, send)
            return
        self._calls += 1
        try:
            await self.inside(scope, receive, send)
        finally:
            self._calls -= 1


def _told(text: str, failed: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], isError=failed)


def _keep_calls_out_of_the_log() -> None:
    """The library quotes calls that it does not understand, also in the root logger's name."""
    home = str(Path(mcp.__file__).parent)
    logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)
    logging.getLogger().addFilter(lambda record: not record.pathname.startswith(home))
