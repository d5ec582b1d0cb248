// Controls: buttons, position, streams and token; what they do is the page's affair.

import { whyNoCamera } from "./camera.js";
import { minutes } from "./panel.js";

export class Controls {
  #at;
  #act;
  #seeking = false;

  /** `act` has camera(), pause(), step(), again(), redraw(), seek(s), enter(token) and choose(name). */
  constructor(elements, act) {
    this.#at = elements;
    this.#act = act;
    const { camera, pause, step, again, boxes, position, entry, token } = elements;
    camera.onclick = act.camera;
    pause.onclick = act.pause;
    step.onclick = act.step;
    again.onclick = act.again;
    boxes.onchange = act.redraw;
    position.oninput = () => {
      this.#seeking = true;
      this.#showTime();
    };
    position.onchange = () => {
      this.#seeking = false;
      act.seek(Number(position.value));
    };
    entry.onsubmit = (event) => {
      event.preventDefault();
      act.enter(token.value);
    };
  }

  show({ welcome, state, filming, isPaused }) {
    const at = this.#at;
    const none = whyNoCamera();
    const isOpen = welcome === null || welcome.limit > 0;
    at.camera.hidden = !isOpen && !filming;
    at.camera.disabled = none !== null;
    at.camera.textContent = filming ? "Stop my camera" : "Show my camera";
    at.camera.setAttribute("aria-pressed", Boolean(filming));
    at["no-camera"].hidden = none === null || !isOpen;
    at["no-camera"].textContent = none ?? "";
    at.pause.hidden = !filming && state === null;
    at.pause.textContent = isPaused ? "Resume" : "Pause";
    at.step.hidden = at.seek.hidden = !state?.seekable;
    at.step.disabled = !isPaused;
    if (!state?.seekable || this.#seeking) return;
    at.position.max = state.duration_s ?? 0;
    at.position.value = state.position_s ?? 0;
    this.#showTime();
  }

  /** The streams that can be watched, where there is a choice. */
  list(streams, shown) {
    this.#at.streams.hidden = streams.length < 2;
    const buttons = streams.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.setAttribute("aria-current", name === shown);
      button.onclick = () => this.#act.choose(name);
      return button;
    });
    this.#at.streams.replaceChildren(...buttons);
  }

  #showTime() {
    const { position, time } = this.#at;
    const words = `${minutes(Number(position.value))} of ${minutes(Number(position.max))}`;
    time.textContent = words;
    position.setAttribute("aria-valuetext", words);
  }
}
