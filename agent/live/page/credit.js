// Credit: when a camera may send. The rule is that of agent/live/ledger.py.

/**
 * Numbers that left and what became of them. "Taken" gives a credit back; a picture or "dropped" ends
 * a number. A limit of pictures alone lets them grow old, so that both limits are ages, too.
 */
export class Credit {
  #limits;
  #untaken = new Map(); // number -> when it left, ms
  #open = new Map(); // number -> when the camera gave it, ms

  constructor(limits) {
    this.#limits = limits;
  }

  limitLateness(ms) {
    this.#limits = { ...this.#limits, most_late_ms: ms };
  }

  sent(number, capturedMs, nowMs) {
    this.#untaken.set(number, nowMs);
    this.#open.set(number, capturedMs);
  }

  taken(number) {
    this.#untaken.delete(number);
  }

  /** It came back as a picture, or was dropped. */
  answered(number) {
    this.#untaken.delete(number);
    this.#open.delete(number);
  }

  get inFlight() {
    return this.#open.size;
  }

  /** Whether one more may go; `inside` are those that the encoder has and that will leave. */
  may(nowMs, inside) {
    const { most_untaken, most_age_ms, most_late_ms } = this.#limits;
    if (this.#untaken.size + inside >= most_untaken) return false;
    return age(this.#untaken, nowMs) <= most_age_ms && age(this.#open, nowMs) <= most_late_ms;
  }
}

/** Of the oldest; numbers rise, and a map keeps its order. */
function age(times, nowMs) {
  const oldest = times.values().next();
  return oldest.done ? 0 : nowMs - oldest.value;
}
