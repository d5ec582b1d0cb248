// Live: the page. It watches a stream, or is the camera of one; nothing else draws pictures.

import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { now } from "./figures.js";
import { Filming } from "./filming.js";
import { Panel, rows, stateInWords } from "./panel.js";
import { Watch, bestWay } from "./watch.js";

const OLD_MS = 1000; // the last picture's age is told from here on
const GREY_MS = 3000; // and from here on it isn't taken for a view of now
const LOOK_MS = 250;

const at = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);
const panel = new Panel(at);
const controls = new Controls(at, {
  camera: () => (filming ? stopFilming() : startFilming()),
  pause: () => {
    const rests = !isPaused();
    if (filming) rest(rests ? "you" : null);
    else order(rests ? "pause" : "resume");
    showControls();
  },
  step: () => order("step"),
  seek: (toS) => order("seek", toS),
  again: () => connect(),
  redraw: () => watch?.redraw(),
  enter: (words) => {
    token = words;
    connect();
  },
  choose: (name) => {
    wanted = name;
    connect();
  },
});

let way = bestWay();
let token = null;
let wanted = null; // name of the stream to watch, once one was chosen
let connection = null;
let watch = null;
let filming = null;
let welcome = null;
let state = null;
let waiting = null; // { why, untilMs } while there is no connection
let lastOrder = 0;
let lastKey = 0;

/** Begin anew: watch, or send what the camera offers. */
function connect() {
  connection?.close();
  watch?.close();
  connection = watch = state = welcome = waiting = null;
  at.again.hidden = true;
  if (way === null) {
    panel.status("refused", "This browser can show no video of this kind");
    return;
  }
  watch = new Watch(at, way, view);
  at.empty.hidden = false;
  panel.status("connecting", "Connecting");
  connection = new Connection(hello, line);
}

function hello() {
  const offer = filming?.offer;
  if (!offer) return { token, want: "watch", stream: wanted, as: way, camera: null };
  const codec = offer.codec === "vp8" ? "vp8" : "h264";
  const camera = { codec, width: offer.width, height: offer.height };
  return { token, want: "camera", stream: null, as: way, camera };
}

/** What comes of the connection. */
const line = {
  welcome(message) {
    if (waiting) panel.notice(null);
    welcome = message;
    waiting = null;
    at.entry.hidden = at.again.hidden = true;
    const isEmpty = message.stream === null; // nothing is shown here yet, and it says so again
    panel.status("connecting", isEmpty ? "Ready" : "Connecting");
    at.empty.textContent = isEmpty ? "Show your camera to begin" : "No picture yet";
    const offer = filming?.offer;
    if (offer) filming.go(message);
    if (offer?.why) panel.notice(`Your camera is sent as VP8: ${offer.why}.`);
    controls.list(offer ? [] : message.streams, message.stream);
    showControls();
  },
  picture(picture) {
    watch.picture(picture);
    if (picture.number > 0) filming?.answered([picture.number]);
  },
  said(message) {
    told[message.type]?.(message);
  },
  waiting(refusal, ms) {
    filming?.hold();
    const why = refusal ? inWords(refusal) : "There is no connection.";
    waiting = { why, untilMs: now() + ms };
    at.again.hidden = false;
    panel.status("reconnecting", refusal?.why === "busy" ? "Busy" : "Not connected");
    look();
  },
  refused(refusal) {
    const isQuestion = refusal.why === "token" && token === null;
    panel.notice(isQuestion ? null : inWords(refusal));
    const words = { token: isQuestion ? "A token is needed" : "Not let in", ended: "Ended" };
    panel.status("refused", words[refusal.why] ?? "Not let in");
    at.entry.hidden = refusal.why !== "token";
    at.again.hidden = refusal.why === "token";
    at.again.textContent = "Try again";
    if (refusal.why === "token") at.token.focus();
    else if (filming) stopFilming();
  },
};

function inWords({ why, clients, limit, text }) {
  if (why !== "busy") return text;
  if (clients < limit) return `${text[0].toUpperCase()}${text.slice(1)}.`; // it can't serve more
  return `All places for cameras are taken: ${clients} of ${limit}.`;
}

/** What the server tells. */
const told = {
  started(message) {
    watch.started(message);
  },
  objects(message) {
    watch.objects(message);
  },
  state(message) {
    state = message;
    filming?.limit(message.most_late_ms);
    showControls();
  },
  taken({ number }) {
    filming?.taken(number);
  },
  dropped({ numbers }) {
    filming?.answered(numbers);
  },
  key() {
    filming?.key();
  },
  done({ id, error }) {
    if (error !== null && id !== lastKey) panel.notice(error);
  },
};

/** What comes of the view. */
const view = {
  shown({ number }) {
    at.empty.hidden = true;
    filming?.shown(number);
  },
  wantsKey() {
    order("key");
    lastKey = lastOrder;
  },
  noted(words) {
    panel.notice(words);
  },
  failed(words) {
    panel.notice(words);
    if (way === "fmp4") return;
    way = "fmp4"; // what WebCodecs can't, MediaSource may
    connect();
  },
};

async function startFilming() {
  panel.notice(null);
  const begun = new Filming({
    offered: connect,
    send: (bytes) => connection.send(bytes),
    over: (words) => {
      stopFilming();
      panel.notice(words);
    },
  });
  at.camera.disabled = true;
  try {
    await begun.open();
    filming = begun;
    rest(document.hidden ? "hidden" : null);
  } catch (error) {
    begun.close();
    const denied = error.name === "NotAllowedError";
    panel.notice(`No camera: ${denied ? "it was not allowed" : error.message || error.name}.`);
  }
  showControls();
}

function stopFilming() {
  filming?.close();
  filming = null;
  connect();
  showControls();
}

/** Let this page's own camera rest, or go on. */
function rest(why) {
  filming.rest(why);
  if (filming.offer) order(why ? "pause" : "resume");
}

function order(what, toS = null) {
  lastOrder += 1;
  connection?.say({ type: "do", id: lastOrder, what, to_s: toS });
}

function isPaused() {
  return Boolean(filming?.restsFor) || state?.state === "paused";
}

function showControls() {
  controls.show({ welcome, state, filming, isPaused: isPaused() });
}

/** Several times a second: what grows old, and the figures. */
function look() {
  if (waiting) {
    // The seconds stand on the button: an alert that changes each second is read out each second.
    const seconds = Math.max(1, Math.ceil((waiting.untilMs - now()) / 1000));
    at.again.textContent = `Try now (or in ${seconds} s)`;
    panel.notice(`${waiting.why} It is tried again by itself.`);
  }
  if (!watch) return;
  const age = watch.lastMs === null ? 0 : now() - watch.lastMs;
  at.frame.classList.toggle("old", isPaused() || age > GREY_MS);
  if (filming?.restsFor === "hidden") panel.banner("Paused while the page is hidden");
  else if (isPaused()) panel.banner("Paused");
  else if (age > OLD_MS) panel.banner(`Last picture ${Math.round(age / 1000)} s ago`);
  else panel.banner(watch.whole && `Covered whole: ${watch.whole}`);
  if (state && !waiting) panel.status(state.state, stateInWords(state));
  panel.figures(rows(state, watch, filming));
}

document.onvisibilitychange = () => {
  if (filming && filming.restsFor !== "you") rest(document.hidden ? "hidden" : null);
  if (!document.hidden) watch?.skip();
};
window.onresize = () => watch?.redraw();
setInterval(look, LOOK_MS);
showControls();
connect();
