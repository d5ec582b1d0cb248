// Figures: times that page and worker share, and what was seen in the last seconds.

/** Milliseconds; the same clock on the page and in its worker. */
export function now() {
  return performance.timeOrigin + performance.now();
}

/** The value that a share of all is no greater than, or null of none. */
export function percentile(values, share) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** What happened lately, each with its time. */
export class Recent {
  #spanMs;
  #events = [];

  constructor(spanMs) {
    this.#spanMs = spanMs;
  }

  add(value) {
    this.#events.push([now(), value]);
    this.#forget();
  }

  clear() {
    this.#events = [];
  }

  get values() {
    this.#forget();
    return this.#events.map(([, value]) => value);
  }

  /** Events a second, of what is there. */
  get rate() {
    this.#forget();
    const count = this.#events.length;
    if (count < 2) return 0;
    const lasted = Math.max(now() - this.#events[0][0], 1);
    return (1000 * count) / Math.max(lasted, this.#spanMs / 4);
  }

  #forget() {
    const since = now() - this.#spanMs;
    let gone = 0;
    while (gone < this.#events.length && this.#events[gone][0] < since) gone += 1;
    this.#events.splice(0, gone);
  }
}
