// MediaView: fragmented MP4 into a video element, where pages have no decoder of their own.

import { INIT } from "./wire.js";

const Source = window.ManagedMediaSource ?? window.MediaSource; // iOS has the former alone

const JUMP_S = 0.25; // more than this waits: to the end
const FASTER_S = 0.12; // and above this a little faster
const FASTER = 1.05;
const LEFT_S = 0.03; // what a jump leaves before the end
const MOST_QUEUED = 60; // fragments that were not taken: the rest up to a keyframe goes
const KEPT_S = 10; // of what was shown, at most; half of it goes at once

export function canShowMedia() {
  return Source !== undefined;
}

/** `hear` is that of DecoderView. */
export class MediaView {
  #video;
  #hear;
  #source = null;
  #buffer = null;
  #queue = [];
  #waitsForKey = true;
  #appended = null; // the first fragment, until its place in the film is known
  #offsetUs = null; // of the stream's time over the film's
  #pictures = []; // that were handed on and not shown yet
  #watching = 0; // the handle of the next frame's call

  constructor(video, hear) {
    this.#video = video;
    this.#hear = hear;
    video.disableRemotePlayback = true; // else there is no ManagedMediaSource
    video.onerror = () => this.#hear.failed(`The browser can't show this: ${video.error?.message}`);
    this.#watch();
  }

  started({ codec }) {
    const source = new Source();
    this.#source = source;
    this.#buffer = this.#offsetUs = this.#appended = null;
    this.#queue = [];
    this.#pictures = [];
    this.#waitsForKey = true;
    const address = URL.createObjectURL(source);
    source.onsourceopen = () => {
      URL.revokeObjectURL(address);
      if (this.#source === source) this.#open(codec);
    };
    this.#video.src = address;
  }

  picture(picture) {
    if (picture.kind !== INIT) {
      if (this.#waitsForKey && !picture.isKey) return;
      this.#waitsForKey = false;
      this.#pictures.push(picture);
    }
    this.#queue.push(picture);
    if (this.#queue.length > MOST_QUEUED) {
      this.#queue = this.#queue.filter(({ kind }) => kind === INIT);
      this.skip();
    }
    this.#pump();
  }

  skip() {
    this.#waitsForKey = true;
    this.#hear.wantsKey();
  }

  close() {
    this.#video.cancelVideoFrameCallback(this.#watching);
    this.#source = this.#buffer = this.#video.onerror = null;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #open(codec) {
    try {
      this.#buffer = this.#source.addSourceBuffer(`video/mp4; codecs="${codec}"`);
    } catch (error) {
      this.#hear.failed(`The browser can't show ${codec}: ${error.message}`);
      return;
    }
    this.#buffer.onupdateend = () => this.#took();
    this.#pump();
  }

  #pump() {
    if (!this.#buffer || this.#buffer.updating || this.#queue.length === 0) return;
    const picture = this.#queue.shift();
    if (picture.kind !== INIT && this.#offsetUs === null) this.#appended ??= picture;
    try {
      this.#buffer.appendBuffer(picture.bytes);
    } catch (error) {
      this.#hear.failed(`The browser can't show this: ${error.message}`);
    }
  }

  #took() {
    const { buffered } = this.#buffer;
    if (buffered.length > 0) {
      if (this.#appended && this.#offsetUs === null) {
        this.#offsetUs = this.#appended.ptsUs - buffered.start(0) * 1e6;
      }
      this.#keepUp(buffered);
      const oldest = buffered.start(0);
      if (this.#video.currentTime - oldest > KEPT_S) {
        this.#buffer.remove(oldest, this.#video.currentTime - KEPT_S / 2);
        return; // the end of this pumps
      }
    }
    this.#pump();
  }

  /** Stay near the end. */
  #keepUp(buffered) {
    const video = this.#video;
    const last = buffered.length - 1;
    const waits = buffered.end(last) - video.currentTime;
    if (waits > JUMP_S && !video.seeking) {
      video.currentTime = Math.max(buffered.start(last), buffered.end(last) - LEFT_S);
    }
    video.playbackRate = waits > FASTER_S ? FASTER : 1;
    if (video.paused) video.play().catch(() => {}); // it was closed, or waits for its first picture
  }

  /** Tell which picture is shown, by its time. */
  #watch() {
    this.#watching = this.#video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.#offsetUs !== null) {
        const ptsUs = mediaTime * 1e6 + this.#offsetUs;
        const [nearest] = [...this.#pictures].sort(
          (a, b) => Math.abs(a.ptsUs - ptsUs) - Math.abs(b.ptsUs - ptsUs),
        );
        if (nearest) {
          this.#pictures = this.#pictures.filter((each) => each.ptsUs > nearest.ptsUs);
          this.#hear.shown(nearest);
        }
      }
      this.#watch();
    });
  }
}
