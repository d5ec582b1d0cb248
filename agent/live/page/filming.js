// Filming: this page's own camera, from its permission to the delay of what comes back.

import { Camera } from "./camera.js";
import { Recent, now } from "./figures.js";
import { packed } from "./wire.js";

export class Filming {
  #camera;
  #hear;
  #captured = new Map(); // number -> when its frame was taken
  #delays = new Recent(5000);

  /** `hear` has offered(), send(bytes) and over(words). */
  constructor(hear) {
    this.#hear = hear;
    this.#camera = new Camera((message) => this.#heard[message.type](message));
    this.offer = null; // { codec, width, height, why } once a codec was chosen
    this.restsFor = null; // "you" or "hidden": why nothing is sent
    this.inFlight = 0;
  }

  /** Ask for the camera; throws what the browser throws. */
  open() {
    return this.#camera.open();
  }

  close() {
    this.#camera.close();
  }

  /** A connection is there, with its limits. */
  go(limits) {
    this.#captured.clear();
    this.#delays.clear();
    this.inFlight = 0;
    this.#camera.tell({ type: "go", limits });
  }

  /** So late may pictures be from now on: what waits inside is told anew with each state. */
  limit(mostLateMs) {
    this.#camera.tell({ type: "limit", mostLateMs });
  }

  /** The connection is lost. */
  hold() {
    this.#camera.tell({ type: "hold" });
  }

  /** Send nothing, or go on with a keyframe. */
  rest(why) {
    this.restsFor = why;
    this.#camera.tell({ type: why ? "pause" : "resume" });
  }

  key() {
    this.#camera.tell({ type: "key" });
  }

  taken(number) {
    this.#camera.tell({ type: "taken", number });
  }

  /** They came back, or never will. */
  answered(numbers) {
    this.#camera.tell({ type: "answered", numbers });
  }

  /** A picture is on the screen. */
  shown(number) {
    const capturedMs = this.#captured.get(number);
    if (capturedMs === undefined) return;
    this.#delays.add(now() - capturedMs);
    for (const each of this.#captured.keys()) if (each <= number) this.#captured.delete(each);
  }

  /** Milliseconds from camera to screen, of the last seconds' pictures. */
  get delays() {
    return this.#delays.values;
  }

  #heard = {
    codec: (message) => {
      this.offer = message;
      this.#hear.offered();
    },
    chunk: ({ number, timeUs, isKey, bytes, capturedMs }) => {
      this.#captured.set(number, capturedMs);
      this.#hear.send(packed(number, timeUs, isKey, bytes));
    },
    flight: ({ count }) => {
      this.inFlight = count;
    },
    failed: ({ why }) => this.#hear.over(`The camera can't be sent: ${why}.`),
    ended: () => this.#hear.over("The camera has gone."),
  };
}
