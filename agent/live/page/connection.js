// Connection: one WebSocket at a time, opened again and again with a back-off that grows.

import { now } from "./figures.js";
import { VERSION, unpacked } from "./wire.js";

const LEAST_MS = 500;
const MOST_MS = 30_000;
const SILENT_MS = 5000; // states come twice a second
const STEADY_MS = 10_000; // a connection that held for so long ends the back-off
const TRY_AGAIN = [1011, 1013]; // a fault there, too busy

/**
 * `hear` has a method for each of: welcome(message), said(message), picture(message), waiting(why, ms),
 * refused(message): nothing follows that one.
 */
export class Connection {
  #hello; // a function: what it says may change between two connections
  #hear;
  #socket = null;
  #timer = null;
  #silence = null;
  #tries = 0;
  #closed = false;
  #refusal = null;
  #welcomeMs = null; // when it was let in

  constructor(hello, hear) {
    this.#hello = hello;
    this.#hear = hear;
    this.#open();
  }

  /** Send JSON; nothing happens where there is no connection. */
  say(message) {
    this.send(JSON.stringify(message));
  }

  send(data) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(data);
  }

  close() {
    this.#closed = true;
    this.#drop();
  }

  #open() {
    this.#drop();
    this.#refusal = this.#welcomeMs = null;
    const socket = new WebSocket(new URL("ws", location.href.replace(/^http/, "ws")));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.say({ type: "hello", v: VERSION, ...this.#hello() });
    socket.onmessage = ({ data }) => {
      this.#listen();
      this.#take(data);
    };
    socket.onclose = ({ code }) => this.#lost(code);
    this.#socket = socket;
    this.#listen();
  }

  #take(data) {
    if (typeof data !== "string") {
      const picture = unpacked(data);
      if (picture) this.#hear.picture(picture);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "refused") {
      this.#refusal = message;
    } else if (message.type === "welcome") {
      this.#welcomeMs ??= now();
      this.#hear.welcome(message);
    } else {
      this.#hear.said(message);
    }
  }

  /** A connection that says nothing is none. */
  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(null), SILENT_MS);
  }

  #lost(code) {
    this.#drop();
    if (this.#closed) return;
    const refusal = this.#refusal;
    if (refusal && !TRY_AGAIN.includes(code)) {
      this.#closed = true;
      this.#hear.refused(refusal);
      return;
    }
    if (this.#welcomeMs !== null && now() - this.#welcomeMs > STEADY_MS) this.#tries = 0;
    // Full jitter: many pages that lost one server don't come back at one time.
    const most = Math.min(MOST_MS, LEAST_MS * 2 ** this.#tries);
    const wait = LEAST_MS + Math.random() * (most - LEAST_MS);
    this.#tries += 1;
    this.#timer = setTimeout(() => this.#open(), wait);
    this.#hear.waiting(refusal, wait);
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#timer = null;
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }
}
