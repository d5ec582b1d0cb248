// PictureEncoder: frames of a camera in, chunks out, and how long each was inside.

import { now } from "./figures.js";

const GIVEN_UP_MS = 1000; // a real-time encoder leaves frames out and tells nobody
const MOST_QUEUED = 2; // a long queue is a delay, and has crashed tabs

export class PictureEncoder {
  #encoder;
  #inside = new Map(); // timestamp -> { begunMs, capturedMs }
  #config;

  /** `chunk(chunk, { begunMs, capturedMs })` takes what comes out, `broken(error)` is the end. */
  constructor(config, chunk, broken) {
    this.#config = config;
    this.#encoder = new VideoEncoder({
      output: (out) => {
        const times = this.#inside.get(out.timestamp);
        for (const timestamp of this.#inside.keys()) {
          if (timestamp <= out.timestamp) this.#inside.delete(timestamp);
        }
        if (times) chunk(out, times);
      },
      error: broken,
    });
    this.#encoder.configure(config);
  }

  get config() {
    return this.#config;
  }

  fits(frame) {
    const size = evenSize(frame);
    return size.width === this.#config.width && size.height === this.#config.height;
  }

  get isFull() {
    return this.#encoder.encodeQueueSize >= MOST_QUEUED;
  }

  /** How many will still come out. */
  get inside() {
    const since = now() - GIVEN_UP_MS;
    for (const [timestamp, { begunMs }] of this.#inside) {
      if (begunMs < since) this.#inside.delete(timestamp);
    }
    return this.#inside.size;
  }

  /** Milliseconds for which each frame that is still inside has been there. */
  get waits() {
    const at = now();
    return [...this.#inside.values()].map(({ begunMs }) => at - begunMs);
  }

  encode(frame, capturedMs, isKey) {
    const cropped = even(frame);
    this.#inside.set(cropped.timestamp, { begunMs: now(), capturedMs });
    this.#encoder.encode(cropped, { keyFrame: isKey });
    if (cropped !== frame) cropped.close();
  }

  close() {
    if (this.#encoder.state !== "closed") this.#encoder.close();
  }
}

/** What is left of a frame's size once it is even: an odd one fails without a word why. */
export function evenSize(frame) {
  const { width, height } = frame.visibleRect;
  return { width: width & ~1, height: height & ~1 };
}

function even(frame) {
  const { x, y, width, height } = frame.visibleRect;
  const size = evenSize(frame);
  if (size.width === width && size.height === height) return frame;
  return new VideoFrame(frame, { visibleRect: { x, y, ...size } });
}
