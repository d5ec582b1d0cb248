// Panel: what the page says in words and figures.

import { percentile } from "./figures.js";

const STATES = {
  connecting: "Connecting",
  live: "Live",
  stale: "No new picture",
  reconnecting: "Camera lost, connecting again",
  ended: "Ended",
  paused: "Paused",
};

export class Panel {
  #elements;
  #values = new Map(); // name -> its element

  constructor(elements) {
    this.#elements = elements;
  }

  status(state, words) {
    const { status } = this.#elements;
    status.dataset.state = state;
    write(status, words);
  }

  /** What is wrong, or what to know; null takes it away. */
  notice(words) {
    const { notice } = this.#elements;
    notice.hidden = words === null;
    write(notice, words ?? "");
  }

  banner(words) {
    const { banner } = this.#elements;
    banner.hidden = words === null;
    write(banner, words ?? "");
  }

  /** Names and values; what is null isn't shown. */
  figures(rows) {
    for (const [name, value] of rows) {
      let place = this.#values.get(name);
      if (!place) {
        place = figure(name);
        this.#values.set(name, place);
        this.#elements.figures.append(place.parentElement);
      }
      place.parentElement.hidden = value === null;
      place.parentElement.classList.toggle("wide", (value ?? "").length > 16);
      write(place, value ?? "");
    }
  }
}

export function stateInWords({ state, why }) {
  const words = STATES[state] ?? state;
  return why ? `${words}: ${why}` : words;
}

/** The figures: as the server tells them, and as this page sees them. */
export function rows(state, watch, filming) {
  const offer = filming?.offer;
  const [p50, p95] = offer
    ? [0.5, 0.95].map((share) => percentile(filming.delays, share))
    : [state?.delay_ms_p50, state?.delay_ms_p95];
  const share = state && `${Math.round(100 * state.whole_share)} %`;
  return [
    ["Frames a second", state && watch.fps.toFixed(1)],
    ["Delay, p50 / p95", state && `${whole(p50)} / ${whole(p95)} ms`],
    ["In flight", offer ? `${filming.inFlight}` : null],
    ["Dropped", state && `${state.dropped}`],
    ["Covered whole", share && (watch.whole ? `${share}, ${watch.whole}` : share)],
    ["Detector sees", state && (state.every === 1 ? "each frame" : `one frame in ${state.every}`)],
    ["Latency", state && `${state.latency}, ${state.hold_back_frames} frames held back`],
    ["Sent as", offer ? `${offer.codec}, ${offer.width}×${offer.height}` : null],
    ["Shown as", watch.codec],
  ];
}

function whole(value) {
  return value === null || value === undefined ? "?" : `${Math.round(value)}`;
}

export function minutes(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function figure(name) {
  const [row, term, value] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  row.append(term, value);
  return value;
}

/** Only where it is new: what stands still is neither laid out nor read out again. */
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
