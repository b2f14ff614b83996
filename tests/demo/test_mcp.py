"""The named endpoints as MCP tools, through the real client, over the running page."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import hub
from simsid.scoring import score_film
from tests.demo.conftest import PASSWORD, READY, Page, png, uploads_in
from tests.demo.probes import JSON, ask, tells_nothing
from tests.demo.test_api import NAME, dicom
from tests.waiting import GENEROUS, wait_until

mcp = pytest.importorskip("mcp")
MODEL = "bundled:digitanatomy"
LIST = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'


def in_session(page: Page, work: Callable, **options: object) -> object:
    """What ``work(session)`` returns, in a fresh session of the real client."""
    import httpx
    from mcp.client.streamable_http import streamable_http_client

    async def run() -> object:
        async with (
            httpx.AsyncClient(timeout=120, **options) as http,
            streamable_http_client(f"{page.url}gradio_api/mcp", http_client=http) as streams,
            mcp.ClientSession(*streams[:2]) as session,
        ):
            await session.initialize()
            return await work(session)

    with ThreadPoolExecutor(1) as elsewhere:  # Playwright keeps a loop in this thread
        return elsewhere.submit(asyncio.run, run()).result()


def call(page: Page, name: str, **arguments: object) -> tuple[bool, str]:
    """(failed, text) of a tool's answer."""
    answer = in_session(page, lambda session: session.call_tool(name, arguments))
    (content,) = answer.content
    return answer.isError, content.text


def answer_of(page: Page, name: str, **arguments: object) -> object:
    failed, text = call(page, name, **arguments)
    assert not failed, text
    return json.loads(text)


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def left_behind(page: Page) -> list[Path]:
    return sorted(uploads_in(page.temp))


def test_the_tools_are_the_endpoints_with_their_descriptions(page: Page) -> None:
    tools = {tool.name: tool for tool in in_session(page, lambda s: s.list_tools()).tools}
    assert set(tools) == {"score", "score_batch", "generate", "explain"}
    assert "Score one film. Higher = more abnormal." in tools["score"].description
    assert "DigitAnatomy" in tools["generate"].description
    schema = tools["explain"].inputSchema
    assert schema["required"] == ["file", "row", "col"]
    assert "base64" in schema["properties"]["file"]["description"]
    for tool in tools.values():
        told = [field["description"] for field in tool.inputSchema["properties"].values()]
        for text in (tool.description, *told):
            assert text.endswith(".") and text[0].isupper() and ",," not in text, text
            assert "  " not in text and "\n" not in text
    listed = json.loads(ask(page, "GET", "/gradio_api/info").body)["named_endpoints"]
    assert {name.strip("/") for name in listed} == set(tools)
    for name, tool in tools.items():  # 'Use via API' says of each argument what the tools do
        fields = tool.inputSchema["properties"]
        for argument in listed[f"/{name}"]["parameters"]:
            told = argument["python_type"]["description"]
            assert told == fields[argument["parameter_name"]]["description"] != ""
        assert all("additional_description" not in field for field in fields.values())


def test_a_film_in_base64_is_scored_as_python_scores_it(page: Page, digits: dict) -> None:
    expected = score_film(hub.load(MODEL), digits["novel"]).score
    text = in_base64(png(digits["novel"]))
    for film in (text, f"data:image/png;base64,{text}"):
        answer = answer_of(page, "score", file=film)
        assert answer["status"] == "ok" and abs(answer["score"] - expected) < 1e-6
    with Image.open(io.BytesIO(base64.b64decode(answer["map_png"]))) as picture:
        assert picture.size == (96, 96)


def test_an_uploaded_film_is_scored_once(page: Page, digits: dict) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    body = head + png(digits["normal"]) + b"\r\n--x--\r\n"
    (path,) = json.loads(ask(page, "POST", "/gradio_api/upload", kind, body).body)
    assert answer_of(page, "score", file=path)["status"] == "ok"
    assert answer_of(page, "score", file=path)["status"] == "missing"


def test_batch_explain_and_generate_answer(page: Page, digits: dict) -> None:
    film = in_base64(png(digits["novel"]))
    answers = answer_of(page, "score_batch", files=[film, in_base64(b"no film"), film])
    assert [answer["status"] for answer in answers] == ["ok", "not_an_image", "ok"]
    why = answer_of(page, "explain", file=film, row=0, col=1)
    assert len(why["slots"]) == len(why["weights"]) > 0
    made = answer_of(page, "generate", kind="novel", index=1)
    with Image.open(io.BytesIO(base64.b64decode(made["image_png"]))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), digits["novel"])


def test_wrong_calls_get_a_sentence(page: Page, digits: dict) -> None:
    film = in_base64(png(digits["novel"]))
    wrong = (
        ("score", {}),
        ("score", {"file": film, "model": "../../etc"}),
        ("score", {"file": film, "path": "/etc/passwd"}),
        ("score", {"file": 7}),
        ("score_batch", {"files": [film] * 65}),
        ("explain", {"file": film, "row": 9, "col": 0}),
        ("generate", {"kind": "nonsense"}),
        ("choose", {}),
    )
    for name, arguments in wrong:
        failed, text = call(page, name, **arguments)
        assert failed and len(text) < 10**6 and tells_nothing(page, text), name


def test_a_film_of_some_size_passes_and_a_larger_call_does_not(page: Page) -> None:
    rng = np.random.default_rng(0)
    noise = in_base64(png(rng.integers(0, 2**16, (2000, 1500), dtype=np.uint16)))
    assert len(noise) > 4 * 2**20
    assert answer_of(page, "score", file=noise)["status"] not in ("missing", "too_large")
    length = {"Content-Length": str(90 * 2**20)}
    assert ask(page, "POST", "/gradio_api/mcp", JSON | length).status == 413


def test_nothing_of_a_patient_is_left(page: Page, digits: dict) -> None:
    before = left_behind(page)  # of other tests of this page
    film = in_base64(dicom(digits["normal"], NAME))
    assert NAME not in json.dumps(answer_of(page, "score", file=film))
    broken = in_base64(dicom(digits["normal"], NAME)[:-3000])
    assert NAME not in json.dumps(answer_of(page, "score", file=broken))
    for body in (
        {"method": "tools/call", "params": {"name": [NAME]}},
        {"method": f"notifications/{NAME}"},
        {"method": NAME, "params": {"name": NAME}},
    ):
        message = json.dumps({"jsonrpc": "2.0", "id": 1} | body).encode()
        ask(page, "POST", "/gradio_api/mcp", JSON, message)
    assert set(left_behind(page)) <= set(before)
    assert NAME not in page.log.read_text()


def test_a_foreign_origin_may_not_call_and_no_origin_may(page: Page) -> None:
    own = page.url.rstrip("/")
    assert ask(page, "POST", "/gradio_api/mcp", JSON, LIST).status == 200
    assert ask(page, "POST", "/gradio_api/mcp", JSON | {"Origin": own}, LIST).status == 200
    foreign = JSON | {"Origin": "http://evil.example"}
    assert ask(page, "POST", "/gradio_api/mcp", foreign, LIST).status == 403


def test_with_a_password_the_tools_want_it_too(locked_page: Page, digits: dict) -> None:
    for given in (
        "",
        "Basic",
        "Basic !",
        f"Basic {in_base64(b'simsid:falsch')}",
        f"Bearer {PASSWORD}",
    ):
        headers = JSON | {"Authorization": given}
        answer = ask(locked_page, "POST", "/gradio_api/mcp", headers, LIST)
        assert answer.status == 401 and "Score one film" not in answer.text
    assert ask(locked_page, "GET", "/gradio_api/mcp/schema").status == 401
    cookie = {"Cookie": "access-token-x=y; access-token-unsecure-x=y"}
    assert ask(locked_page, "POST", "/gradio_api/mcp", JSON | cookie, LIST).status == 401
    film = {"file": in_base64(png(digits["novel"]))}
    login = ("simsid", PASSWORD)
    answer = in_session(locked_page, lambda session: session.call_tool("score", film), auth=login)
    assert json.loads(answer.content[0].text)["state"] == "unusual"
    assert PASSWORD not in locked_page.log.read_text()


def test_more_calls_than_can_be_held_hear_busy(page: Page) -> None:
    own = urlsplit(page.url).netloc
    head = "".join(f"{name}: {value}\r\n" for name, value in (JSON | {"Host": own}).items())
    begun = f"POST /gradio_api/mcp HTTP/1.1\r\n{head}Content-Length: 100\r\n\r\n{{".encode()
    with contextlib.ExitStack() as lines:
        for _ in range(8):  # that never end
            line = socket.create_connection(tuple(own.split(":")), timeout=GENEROUS)
            lines.enter_context(line).sendall(begun)
        wait_until(lambda: ask(page, "POST", "/gradio_api/mcp", JSON, LIST).status == 503)
        assert "busy" in ask(page, "POST", "/gradio_api/mcp", JSON, LIST).body
    wait_until(lambda: ask(page, "POST", "/gradio_api/mcp", JSON, LIST).status == 200)


def test_a_start_says_one_thing(locked_page: Page) -> None:
    assert locked_page.log.read_text().startswith(READY)
