"""A failure in the browser explains itself: what stood there, what was said, what was asked of the queue."""

from __future__ import annotations

import json

import pytest

from tests.demo.conftest import VISITS, pytest_runtest_makereport
from tests.demo.visits import Visits

PAGE = """<!doctype html><h1>Not scored yet</h1><p>{}</p><p hidden>behind</p>
<div class="toast-body">The queue is full</div>
<script>
  console.warn("the map is late");
  const ask = {{method: "POST", body: JSON.stringify({{fn_index: 7, data: ["Doe"]}})}};
  fetch("/gradio_api/queue/join?x=Doe", ask).then(() => fetch("/gradio_api/queue/data"))
    .catch(() => {{ document.title = "done"; throw new Error("no answer came"); }});
</script>""".format("long " * 1000)


@pytest.fixture
def failing(visits: Visits, monkeypatch: pytest.MonkeyPatch) -> Visits:
    """With a visit to a page whose queue takes a request, and then breaks the line."""

    def answer(route) -> None:
        if route.request.url.endswith("/data"):
            route.abort()
        elif "/join" in route.request.url:
            route.fulfill(status=503, body=json.dumps({"detail": "busy"}))
        else:
            route.fulfill(body=PAGE, content_type="text/html")

    class Routed:
        def new_page(self, **options):
            visit = browser.new_page(**options)
            visit.route("**/*", answer)
            return visit

    browser = visits._browser
    monkeypatch.setattr(visits, "_browser", Routed())
    visit = visits.open("http://page.example/")
    visit.wait_for_function("document.title === 'done'")
    return visits


def report_of(node, outcome: str) -> pytest.TestReport:
    """What the hook makes of the report of a test that ended so."""
    report = pytest.TestReport("a test", ("a", 1, "test"), {}, outcome, None, "call")
    hook = pytest_runtest_makereport(node)
    next(hook)
    with pytest.raises(StopIteration) as end:
        hook.send(report)
    return end.value.value


def test_a_failure_tells_text_toast_console_errors_and_the_queue(failing: Visits, request) -> None:
    [(name, told)] = report_of(request.node, "failed").sections
    assert name == "what the browser showed" and "http://page.example/" in told
    assert "-- text: Not scored yet" in told and "behind" not in told and len(told) < 3000
    assert "-- toasts: The queue is full" in told and "warning: the map is late" in told
    assert "no answer came" in told.split("-- errors of scripts")[1]
    join, data = told.split("-- requests to the queue: ")[1].splitlines()
    assert "POST /gradio_api/queue/join fn_index=7 | " in join and " s 503" in join
    assert "GET /gradio_api/queue/data" in data and "failed" in data
    assert "Doe" not in told


def test_a_success_tells_nothing_and_a_page_that_is_gone_is_no_second_failure(
    failing: Visits, request
) -> None:
    assert report_of(request.node, "passed").sections == []
    failing.close()
    [(_, told)] = report_of(request.node, "failed").sections
    assert "-- text: cannot be read: " in told and "no answer came" in told


def test_what_the_page_s_server_logged_stands_beside_it(visits, page, request) -> None:
    names = [name for name, _ in report_of(request.node, "failed").sections]
    assert names == ["what the browser showed", "what the page's server logged last"]
    assert request.node.stash[VISITS].errors == []
