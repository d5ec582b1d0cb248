// Worker: takes frames of the camera, chooses a codec, and encodes what there is credit for.
//
// In:  readable | track | frame (of the camera), go (limits of a new connection), limit, hold, pause, resume,
//      key, taken, answered.
// Out: codec (what was chosen, and why), chunk (to be sent), flight (numbers not answered),
//      page-frames (the page has to take them itself), failed.

import { h264, vp8 } from "./codecs.js";
import { Credit } from "./credit.js";
import { now, percentile } from "./figures.js";
import { PictureEncoder, evenSize } from "./picture_encoder.js";

const LATE_MS = 150; // H.264 that is later than this gives way to VP8
const TRIAL_MS = 1000;
const TRIAL_PICTURES = 15; // or as soon as this many came out

let encoder = null;
let choosing = false;
let trial = null; // { untilMs, delays } while H.264 is tried
let credit = null; // of the connection, once there is one
let goneSinceMs = Infinity; // what was put in before this moment isn't sent
let paused = false;
let wantsKey = true;
let number = 0;
let lastUs = -1;

const handlers = {
  readable: ({ readable }) => read(readable),
  track: ({ track }) => {
    if ("MediaStreamTrackProcessor" in self) read(new MediaStreamTrackProcessor({ track }).readable);
    else postMessage({ type: "page-frames" });
  },
  frame: ({ frame, at }) => take(frame, at),
  go: ({ limits }) => {
    credit = new Credit(limits);
    goneSinceMs = now();
    wantsKey = true;
  },
  limit: ({ mostLateMs }) => credit?.limitLateness(mostLateMs),
  hold: () => (credit = null),
  pause: () => (paused = true),
  resume: () => {
    paused = false;
    wantsKey = true;
    if (trial) trial = newTrial(); // what was inside meanwhile is not late
  },
  key: () => (wantsKey = true),
  taken: (message) => credit?.taken(message.number),
  answered: ({ numbers }) => {
    for (const each of numbers) credit?.answered(each);
    if (credit) postMessage({ type: "flight", count: credit.inFlight });
  },
};
onmessage = ({ data }) => handlers[data.type](data);

async function read(readable) {
  const reader = readable.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    take(value, now());
  }
}

/** Encode a frame, or let it go; it is closed either way. */
function take(frame, capturedMs) {
  try {
    if (paused || choosing) return;
    if (trial) judge();
    if (choosing) return;
    if (!encoder?.fits(frame)) {
      choose(evenSize(frame));
      return;
    }
    if (encoder.isFull) return;
    if (!trial && !credit?.may(now(), encoder.inside)) return;
    encoder.encode(frame, capturedMs, wantsKey);
    wantsKey = false;
  } catch (error) {
    fail(error);
  } finally {
    frame.close();
  }
}

/** A codec for this size: as before where one was chosen, else H.264 on trial. */
async function choose({ width, height }) {
  choosing = true;
  const before = encoder;
  const was = before?.config.codec;
  before?.close();
  try {
    const config = was === "vp8" ? null : await h264(width, height);
    if (config) {
      trial = was && !trial ? null : newTrial();
      start(config);
      if (!trial) tell(null);
    } else {
      await fallBack(width, height, was ? null : "this browser encodes no H.264");
    }
  } catch (error) {
    fail(error);
  } finally {
    choosing = false;
  }
}

function newTrial() {
  return { untilMs: now() + TRIAL_MS, delays: [] };
}

async function fallBack(width, height, why) {
  const config = await vp8(width, height);
  if (!config) throw new Error("this browser encodes neither H.264 nor VP8");
  trial = null;
  start(config);
  tell(why);
}

function start(config) {
  encoder = new PictureEncoder(config, leave, broke);
  wantsKey = true;
}

/** End the trial once enough is known. What waits counts by how long it has waited. */
function judge() {
  if (trial.delays.length < TRIAL_PICTURES && now() < trial.untilMs) return;
  const delay = percentile([...trial.delays, ...encoder.waits], 0.5) ?? Infinity;
  trial = null;
  if (delay <= LATE_MS) {
    tell(null);
    return;
  }
  const { width, height } = encoder.config;
  const held = Number.isFinite(delay) ? `holds pictures back for ${Math.round(delay)} ms` : "gives none";
  replace(width, height, `this browser's H.264 encoder ${held}`);
}

/** An encoder gave up: VP8 takes over from H.264, and nothing from VP8. */
function broke(error) {
  const { codec, width, height } = encoder.config;
  if (codec === "vp8") fail(error);
  else replace(width, height, `this browser's H.264 encoder failed: ${error.message}`);
}

function replace(width, height, why) {
  encoder.close();
  choosing = true;
  fallBack(width, height, why)
    .catch(fail)
    .finally(() => (choosing = false));
}

function tell(why) {
  const { codec, width, height } = encoder.config;
  postMessage({ type: "codec", codec, width, height, why });
}

/** A chunk came out: it is sent, and only then has a number. */
function leave(chunk, { begunMs, capturedMs }) {
  trial?.delays.push(now() - begunMs);
  if (trial || !credit || begunMs < goneSinceMs) return;
  const bytes = new Uint8Array(chunk.byteLength);
  chunk.copyTo(bytes);
  number += 1;
  lastUs = Math.max(lastUs + 1, Math.round(chunk.timestamp), 0);
  credit.sent(number, capturedMs, now());
  const isKey = chunk.type === "key";
  postMessage({ type: "chunk", number, timeUs: lastUs, isKey, bytes, capturedMs }, [bytes.buffer]);
  postMessage({ type: "flight", count: credit.inFlight });
}

function fail(error) {
  encoder?.close();
  encoder = null;
  postMessage({ type: "failed", why: error.message });
}
