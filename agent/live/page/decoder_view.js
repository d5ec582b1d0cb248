// DecoderView: H.264 through WebCodecs onto a canvas; a picture is there about 1 ms after it came.

const MOST_HELD = 3; // a decoder that keeps more than this is a hardware one that waits for a keyframe
const MOST_HELD_FOR = 5; // pictures in a row: a slow one recovers
const MOST_QUEUED = 10; // what is behind by more skips to a keyframe and never plays faster
const MOST_FAULTS = 3; // in a row, without a picture between

/** `hear` has shown({ number, ptsUs }), wantsKey(), noted(words) and failed(words). */
export class DecoderView {
  #canvas;
  #context;
  #hear;
  #codec = null;
  #decoder = null;
  #numbers = new Map(); // time -> number, of what is in the decoder
  #waitsForKey = true;
  #acceleration = "no-preference";
  #heldFor = 0;
  #faults = 0;

  constructor(canvas, hear) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#hear = hear;
  }

  started({ codec }) {
    this.#codec = codec;
    this.#faults = 0;
    this.#start();
  }

  picture({ isKey, number, ptsUs, bytes }) {
    if (!this.#decoder || this.#decoder.state !== "configured") return;
    if (this.#waitsForKey && !isKey) return;
    if (!isKey && this.#decoder.decodeQueueSize > MOST_QUEUED) {
      this.skip();
      return;
    }
    this.#waitsForKey = false;
    this.#numbers.set(ptsUs, number);
    const type = isKey ? "key" : "delta";
    this.#decoder.decode(new EncodedVideoChunk({ type, timestamp: ptsUs, data: bytes }));
    const held = this.#numbers.size - this.#decoder.decodeQueueSize;
    this.#heldFor = held > MOST_HELD ? this.#heldFor + 1 : 0;
    if (this.#heldFor > MOST_HELD_FOR && this.#acceleration === "no-preference") {
      this.#acceleration = "prefer-software";
      this.#hear.noted("The browser's decoder holds pictures back: its software decoder takes over.");
      this.#start();
      this.#hear.wantsKey();
    }
  }

  /** Show nothing until a keyframe comes, and ask for one. */
  skip() {
    this.#waitsForKey = true;
    this.#hear.wantsKey();
  }

  close() {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = null;
  }

  #start() {
    this.close();
    this.#numbers.clear();
    this.#heldFor = 0;
    this.#waitsForKey = true;
    this.#decoder = new VideoDecoder({
      output: (frame) => this.#show(frame),
      error: (error) => this.#broke(error),
    });
    this.#decoder.configure({
      codec: this.#codec,
      optimizeForLatency: true,
      hardwareAcceleration: this.#acceleration,
    });
  }

  #show(frame) {
    const { displayWidth: width, displayHeight: height, timestamp: ptsUs } = frame;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      Object.assign(this.#canvas, { width, height });
    }
    this.#context.drawImage(frame, 0, 0, width, height);
    frame.close();
    this.#faults = 0;
    const number = this.#numbers.get(ptsUs) ?? 0;
    for (const each of this.#numbers.keys()) if (each <= ptsUs) this.#numbers.delete(each);
    this.#hear.shown({ number, ptsUs });
  }

  #broke(error) {
    this.#faults += 1;
    if (this.#faults >= MOST_FAULTS) {
      this.#hear.failed(`The browser's decoder gave up: ${error.message}`);
      return;
    }
    this.#start();
    this.#hear.wantsKey();
  }
}
