// Event streams: server-sent events out of bytes as they come. EventSource would be the browser's own
// way, but cannot log in with a header.

// Each event as {kind, data}; comments, with which the broker shows that it is there, are none.
export async function* eventsIn(stream) {
  let text = "";
  for await (const piece of pieces(stream.pipeThrough(new TextDecoderStream()))) {
    const blocks = (text + piece).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const found = read(block);
      if (found) yield found;
    }
  }
}

// Not every browser can loop over a stream itself.
async function* pieces(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function read(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  return "data" in fields ? { kind: fields.event, data: JSON.parse(fields.data) } : null;
}
