"""Behind a password: no door but the form; guesses are slow; the browser and programs get in."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from demo.password import USER, WRONG_SECONDS
from tests.demo.axe import findings, too_wide
from tests.demo.conftest import GENTLE, PASSWORD, Page, png, uploads_in
from tests.demo.test_doors import ask
from tests.demo.visits import UPLOAD

gradio_client = pytest.importorskip("gradio_client")
ROUTES = ("config", "gradio_api/info", "gradio_api/queue/data?session_hash=x", "gradio_api/user",
          "gradio_api/heartbeat/x", "gradio_api/upload_progress?upload_id=x", "gradio_api/mcp/",
          "gradio_api/mcp/schema", "gradio_api/login_check", "gradio_api/call/score/x",
          "gradio_api/app_id")  # fmt: skip
POSTS = ("gradio_api/upload", "gradio_api/queue/join", "gradio_api/call/score", "gradio_api/cancel",
         "gradio_api/reset", "gradio_api/mcp/")  # fmt: skip


def log_in(page: Page, user: str, password: str):
    form = urlencode({"username": user, "password": password}).encode()
    return ask(f"{page.url}login", {"Content-Type": "application/x-www-form-urlencoded"}, form)


def test_who_has_not_logged_in_reaches_the_form_only(locked_page: Page) -> None:
    status, text, _ = ask(locked_page.url)
    assert status == 200 and "auth_required" in text
    assert "bundled:" not in text and "score_batch" not in text
    for cookies in ({}, {"Cookie": "access-token-unsecure-x=y; access-token-x=None"}):
        for path in ROUTES:
            assert ask(locked_page.url + path, cookies)[0] in (401, 404), path
        for path in POSTS:
            assert ask(locked_page.url + path, cookies, b"{}")[0] == 401, path
    assert not uploads_in(locked_page.temp)


def test_wrong_guesses_are_slow_one_after_the_other_and_told_nothing(locked_page: Page) -> None:
    guesses = [(USER, "wrong"), ("root", PASSWORD), (USER, "")]
    started = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda guess: log_in(locked_page, *guess), guesses))
    wrong = [answer for answer in answers if answer[0] == 400]
    assert len(wrong) == 2 and len({text for _, text, _ in wrong}) == 1  # without one: no guess
    assert all(status != 200 and not headers["Set-Cookie"] for status, _, headers in answers)
    assert time.monotonic() - started >= len(wrong) * WRONG_SECONDS


def test_cookies_are_for_the_page_alone(locked_page: Page) -> None:
    status, _, headers = log_in(locked_page, USER, PASSWORD)
    cookies = headers.get_all("Set-Cookie")
    assert status == 200 and cookies
    for cookie in cookies:
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "none" not in cookie


def test_programs_log_in_and_score(locked_page: Page, digits: dict, tmp_path: Path) -> None:
    with pytest.raises(gradio_client.exceptions.AuthenticationError):
        gradio_client.Client(locked_page.url, **GENTLE)
    client = gradio_client.Client(locked_page.url, auth=(USER, PASSWORD), **GENTLE)
    film = tmp_path / "film.png"
    film.write_bytes(png(digits["novel"]))
    answer = client.predict(gradio_client.handle_file(str(film)), api_name="/score")
    assert answer["status"] == "ok" and answer["state"] == "unusual"


@pytest.mark.slow
def test_a_browser_logs_in_and_scores(locked_page: Page, visits, digits: dict) -> None:
    visit = visits.open(locked_page.url)
    visit.get_by_label(re.compile("username", re.I)).fill(USER)
    visit.get_by_label(re.compile("password", re.I)).fill("wrong")
    visit.get_by_role("button", name=re.compile("log ?in", re.I)).click()
    visit.get_by_text("Incorrect").first.wait_for()
    visit.get_by_label(re.compile("username", re.I)).fill(USER)  # the form empties itself
    visit.get_by_label(re.compile("password", re.I)).fill(PASSWORD)
    visit.get_by_role("button", name=re.compile("log ?in", re.I)).click()
    visit.wait_for_selector(UPLOAD, state="attached")
    film = {"name": "film.png", "mimeType": "image/png", "buffer": png(digits["novel"])}
    visit.set_input_files(UPLOAD, [film])
    visit.wait_for_selector("#verdict .unusual")
    assert PASSWORD not in visit.content()


def test_the_password_is_shown_nowhere(locked_page: Page) -> None:
    page = psutil.Process(locked_page.process.pid)
    for child in page.children(recursive=True):
        assert PASSWORD not in str(child.environ()) + str(child.cmdline())
    assert PASSWORD not in str(page.cmdline()) and PASSWORD not in locked_page.log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing_serious_in_the_form(
    visits, locked_page: Page, theme: str, width: int
) -> None:
    visit = visits.open(f"{locked_page.url}?__theme={theme}", width=width)
    visit.get_by_role("note").wait_for()
    assert "not a medical device" in visit.get_by_role("note").inner_text()
    visit.wait_for_timeout(500)
    assert findings(visit) == [] and too_wide(visit) <= 0
