// Watch: what is shown of one stream: pictures, labels, and how old the last one is.

import { DecoderView } from "./decoder_view.js";
import { Labels } from "./labels.js";
import { MediaView, canShowMedia } from "./media_view.js";
import { Recent, now } from "./figures.js";
import { INIT } from "./wire.js";

const MOST_OBJECTS = 200; // pictures' worth of labels that wait for their pictures

/** How this page can show pictures: "h264", "fmp4", or null. */
export function bestWay() {
  if ("VideoDecoder" in window) return "h264";
  return canShowMedia() ? "fmp4" : null;
}

export class Watch {
  #stage;
  #view;
  #labels;
  #objects = new Map(); // time, µs -> message
  #latest = { objects: [], whole: null };
  #shownUs = null;
  #seen = new Recent(2000);
  #codec = null;
  #hear;

  /** `stage` has the elements; `hear` is that of DecoderView. */
  constructor(stage, way, hear) {
    this.#stage = stage;
    this.#hear = hear;
    this.way = way;
    this.lastMs = null; // when the last picture was shown
    const heard = { ...hear, shown: (picture) => this.#shown(picture) };
    stage.picture.hidden = way !== "h264";
    stage.film.hidden = way === "h264";
    stage.picture.width = stage.picture.height = 1; // nothing of an earlier stream stays
    this.#view =
      way === "h264" ? new DecoderView(stage.picture, heard) : new MediaView(stage.film, heard);
    this.#labels = new Labels(stage.labels);
    this.#labels.clear();
  }

  started(message) {
    this.#codec = message.codec;
    this.#objects.clear();
    const aspect = (message.width * message.aspect) / message.height;
    this.#stage.frame.style.setProperty("--aspect", aspect);
    this.#view.started(message);
  }

  picture(picture) {
    // What a film begins with comes once; pictures that nobody sees are not decoded.
    if (!document.hidden || picture.kind === INIT) this.#view.picture(picture);
  }

  objects(message) {
    this.#objects.set(message.pts_us, message);
    if (this.#objects.size > MOST_OBJECTS) {
      this.#objects.delete(this.#objects.keys().next().value);
    }
    if (message.pts_us === this.#shownUs) this.#draw();
  }

  /** To the next keyframe, as after the page was hidden. */
  skip() {
    this.#view.skip();
  }

  /** Labels are drawn, or not. */
  redraw() {
    if (this.#stage.boxes.checked) this.#labels.draw(this.#latest.objects);
    else this.#labels.clear();
  }

  get fps() {
    return this.#seen.rate;
  }

  get codec() {
    return this.#codec && `${this.#codec} by ${this.way === "h264" ? "WebCodecs" : "MediaSource"}`;
  }

  /** Why the picture that is shown is covered whole, or null. */
  get whole() {
    return this.#latest.whole;
  }

  close() {
    this.#view.close();
    this.#labels.clear();
  }

  #shown(picture) {
    this.#shownUs = picture.ptsUs;
    this.lastMs = now();
    this.#seen.add(picture.number);
    this.#stage.frame.dataset.number = picture.number;
    this.#draw();
    this.#hear.shown(picture);
  }

  #draw() {
    const found = this.#objects.get(this.#shownUs);
    if (!found) return; // it follows its picture at once: until then the last ones stay
    this.#latest = found;
    for (const each of this.#objects.keys()) if (each < this.#shownUs) this.#objects.delete(each);
    this.redraw();
  }
}
