// Motion JPEG read by hand: unlike an <img> it ends when told to, and knows when no picture comes any more.

const STALE = 3000; // milliseconds without a picture after which the old one must not pass for a live one
const RETRY = 1000;
const HEAD = new TextDecoder("latin1");

export class Stream {
  /** Show the pictures of `path` in a figure's canvas, while started. */
  constructor(path, figure) {
    this.path = path;
    this.figure = figure;
    this.canvas = figure.querySelector("canvas");
    this.abort = null;
    this.shown = 0;
    this.drawing = false;
  }

  start() {
    if (this.abort) return;
    this.abort = new AbortController();
    this.timer = setInterval(() => this.check(), STALE / 3);
    this.read(this.abort.signal);
  }

  stop() {
    this.abort?.abort();
    this.abort = null;
    clearInterval(this.timer);
    this.figure.classList.remove("moving");
  }

  /** Read for ever: a stream that ends is asked for again. */
  async read(signal) {
    while (!signal.aborted) {
      try {
        const answer = await fetch(this.path, { signal });
        if (answer.ok) await this.parts(answer.body.getReader(), signal);
      } catch {
        // ended, by us or by the other side
      }
      if (!signal.aborted) await new Promise((wake) => setTimeout(wake, RETRY));
    }
  }

  /** Cut the stream into parts by the length that each one's head tells. */
  async parts(reader, signal) {
    let rest = new Uint8Array();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest = joined(rest, value);
      for (let part = first(rest); part; part = first(rest)) {
        this.draw(rest.slice(part.begin, part.end), signal);
        rest = rest.subarray(part.end);
      }
    }
  }

  /** Show one JPEG, unless the one before is still being drawn. */
  async draw(jpeg, signal) {
    if (this.drawing) return;
    this.drawing = true;
    try {
      const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      if (!signal.aborted) this.put(picture);
      picture.close();
    } catch {
      // a picture that is not whole; the next one comes
    } finally {
      this.drawing = false;
    }
  }

  put(picture) {
    const { canvas } = this;
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      [canvas.width, canvas.height] = [picture.width, picture.height];
    }
    canvas.getContext("2d").drawImage(picture, 0, 0);
    this.shown = performance.now();
    this.figure.classList.add("moving");
  }

  check() {
    if (performance.now() - this.shown > STALE) this.figure.classList.remove("moving");
  }
}

/** Where the first whole part's picture begins and ends; null when it has not come yet. */
function first(bytes) {
  const text = HEAD.decode(bytes.subarray(0, 300));
  const found = /Content-Length: *(\d+)[^]*?\r\n\r\n/i.exec(text);
  if (!found) return null;
  const begin = found.index + found[0].length;
  const end = begin + Number(found[1]);
  return end <= bytes.length ? { begin, end } : null;
}

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
