"""No click is lost at the end of the stream by which results come; needs Chromium and Playwright."""

from __future__ import annotations

import pytest

from tests.demo.conftest import Page
from tests.demo.visits import Visits

pytestmark = pytest.mark.slow
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
