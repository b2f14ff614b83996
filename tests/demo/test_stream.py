"""No click is lost at the end of the stream by which results come; needs Chromium and Playwright."""

from __future__ import annotations

import pytest

from tests.demo.conftest import ROOT, Page
from tests.demo.visits import Visits

# A slow line: 'close_stream' comes late, while the server has closed the stream already.
LATE = """
window.ends = 0;
const plain = window.fetch;
window.fetch = async (...request) => {
  const answer = await plain(...request);
  if (!String(request[0].url || request[0]).includes("/queue/data?")) return answer;
  const late = new TransformStream({
    async transform(chunk, next) {
      const text = new TextDecoder().decode(chunk), end = text.indexOf('data: {"msg":"close_stream"');
      if (end < 0) return next.enqueue(chunk);
      if (end) next.enqueue(new TextEncoder().encode(text.slice(0, end)));
      window.ends += 1;
      await new Promise((done) => setTimeout(done, HOLD));
      next.enqueue(new TextEncoder().encode(text.slice(end)));
    },
  });
  return new Response(answer.body.pipeThrough(late), answer);
};
"""


# A server in the page: each stream that is asked for is kept, and a test says what comes by it.
SERVER = """
window.streams = [];
const say = (stream, msg, id) => stream.enqueue(new TextEncoder().encode(
  `data: {"msg":"${msg}","event_id":${id ? `"${id}"` : null}}\n\n`));
window.status = 200;
window.fetch = async (address) => address.includes("/queue/data?")
  ? new Response(new ReadableStream({ start: (stream) => { window.streams.push(stream); } }),
                 { status: window.status })
  : window.join(address);
const read = async (answer) => {
  window.seen = "";
  const text = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let part = await text.read(); !part.done; part = await text.read()) window.seen += part.value;
    window.ended = "closed";
  } catch (error) { window.ended = String(error); }
};
const soon = () => new Promise((done) => setTimeout(done, 100));
const taken = (id) => new Response(JSON.stringify({ event_id: id }));
"""
EARLY = """async () => {
  window.join = async () => taken("a");
  await fetch("/queue/join?");
  read(await fetch("/queue/data?"));
  window.join = async () => { say(streams[0], "process_completed", "b"); await soon(); return taken("b"); };
  await fetch("/queue/join?");
  say(streams[0], "process_completed", "a"); say(streams[0], "close_stream"); streams[0].close();
  await soon();
  return [streams.length, seen.includes("close_stream"), window.ended];
}"""
REFUSED = """async () => {
  window.join = async () => taken("a");
  await fetch("/queue/join?");
  read(await fetch("/queue/data?"));
  window.status = 401;
  say(streams[0], "close_stream"); streams[0].close();
  await soon();
  const first = [streams.length, seen.includes("close_stream"), window.ended];
  window.status = 200;
  read(await fetch("/queue/data?"));
  say(streams[2], "close_stream"); streams[2].close();
  await soon();
  return [...first, streams.length, window.ended];
}"""


@pytest.mark.parametrize(
    ("story", "told"),
    [
        (EARLY, [1, True, "closed"]),
        (REFUSED, [2, False, "Error: the stream of results: 401", 3, "closed"]),
    ],
)
def test_no_stream_is_asked_for_without_need_and_a_refused_one_is_told(
    visits: Visits, story: str, told: list
) -> None:
    visit = visits.open("about:blank")
    visit.add_script_tag(content=SERVER)
    visit.add_script_tag(content=(ROOT / "demo" / "stream.js").read_text("utf-8"))
    assert visit.evaluate(story) == told


@pytest.mark.slow
@pytest.mark.parametrize("hold", [0, 1500])
def test_a_click_while_the_stream_ends_is_answered(visits: Visits, page: Page, hold: int) -> None:
    visit = visits.open(page.url, script=LATE.replace("HOLD", str(hold)))
    for example, verdict in (
        ("novel", "unusual"),
        ("normal", "nothing-unusual-found"),
        ("novel", "unusual"),
    ):
        visit.wait_for_function("window.ends > 0")
        visit.evaluate("window.ends = 0")
        visit.click(f"#example-{example}")
        visit.wait_for_selector(f"#verdict .{verdict}")
