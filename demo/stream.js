// The page hears of its results through one stream, which the server ends when nothing is awaited.
// Gradio's client (6.31) loses a click whose request is taken between the server's decision to end
// the stream and the arrival of 'close_stream': it believes that it still listens, and waits for
// ever. So the end is held back while a request is under way, and a stream that ends before its
// results came is asked for again.
(() => {
  const plain = window.fetch.bind(window);
  const pause = (time) => new Promise((done) => setTimeout(done, time));
  const awaited = new Set();  // events that the server took and whose results did not come yet
  const early = new Set();  // events whose results came before the answer that the server took them
  let asking = 0, told = Promise.resolve();  // requests under way; until Gradio's client read the end
  const ask = async (...request) => {
    asking += 1;
    try {
      const answer = await plain(...request);
      const event = answer.ok && (await answer.clone().json().catch(() => ({}))).event_id;
      if (event && !early.delete(event)) awaited.add(event);
      await told;
      return answer;
    } finally {
      asking -= 1;
      if (!asking) early.clear();
    }
  };
  const blocks = () => {
    let rest = "";
    return new TransformStream({
      transform(text, next) {
        const parts = (rest + text).split("\n\n");
        rest = parts.pop();
        for (const part of parts) next.enqueue(`${part}\n\n`);
      },
      flush(next) { if (rest) next.enqueue(rest); },
    });
  };
  const listen = async (request, options) => {
    const again = () => plain(request instanceof Request ? request.clone() : request, options);
    const first = await again();
    if (!first.ok || !first.body) return first;
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async start(page) {
        const pass = async (answer) => {
          if (!answer.ok || !answer.body) throw new Error(`the stream of results: ${answer.status}`);
          const reader = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(blocks()).getReader();
          for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
            const [, message, event] = /^data: \{"msg":"(\w+)","event_id":(?:"(\w+)"|null)/.exec(value) || [];
            if (message === "process_completed" && !awaited.delete(event) && asking) early.add(event);
            if (message === "close_stream") {
              while (asking) await pause(10);
              if (awaited.size) return again();
              told = pause(50);
            }
            page.enqueue(encoder.encode(value));
          }
          return null;
        };
        try {
          for (let answer = first; answer; answer = await pass(answer));
          page.close();
        } catch (error) {
          awaited.clear();  // Gradio's client tells all that wait
          page.error(error);
        }
      },
    });
    return new Response(body, { status: first.status, headers: first.headers });
  };
  window.fetch = (request, options) => {
    const address = request instanceof Request ? request.url : String(request);
    if (/\/queue\/join(\?|$)/.test(address)) return ask(request, options);
    if (/\/queue\/data\?/.test(address)) return listen(request, options);
    return plain(request, options);
  };
})();
