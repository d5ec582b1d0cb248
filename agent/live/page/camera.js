// Camera: asks for one, and lets a worker encode it. None of its pictures is ever drawn.

const WISH = {
  audio: false,
  video: {
    width: { ideal: 640, max: 1920 },
    height: { ideal: 360, max: 1088 },
    frameRate: { ideal: 30, max: 30 },
  },
};

/** Why this page can have no camera, in words; null if it can. */
export function whyNoCamera() {
  if (!window.isSecureContext) {
    return (
      "The browser gives a camera to secure pages only: open this page as http://localhost on the machine " +
      "that serves it, or serve it with --tls-cert and --tls-key. Watching works here."
    );
  }
  if (!navigator.mediaDevices?.getUserMedia) return "This browser gives pages no camera.";
  if (!("VideoEncoder" in window)) return "This browser can't encode a camera (it lacks WebCodecs).";
  return null;
}

export class Camera {
  #worker = null;
  #stream = null;
  #video = null;
  #hear;

  /** `hear` takes what the worker says, and { type: "ended" } when the camera is gone. */
  constructor(hear) {
    this.#hear = hear;
  }

  /** Ask for the camera and start; throws what the browser throws. */
  async open() {
    this.#stream = await navigator.mediaDevices.getUserMedia(WISH);
    const [track] = this.#stream.getVideoTracks();
    track.onended = () => this.#hear({ type: "ended" });
    this.#worker = new Worker("capture.js", { type: "module" });
    this.#worker.onmessage = ({ data }) => {
      if (data.type === "page-frames") this.#takeFrames();
      else this.#hear(data);
    };
    this.#worker.onerror = () => this.#hear({ type: "failed", why: "its worker did not start" });
    this.#hand(track);
  }

  tell(message, transfer = []) {
    this.#worker?.postMessage(message, transfer);
  }

  close() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#worker?.terminate();
    if (this.#video) this.#video.srcObject = null;
    this.#stream = this.#worker = this.#video = null;
  }

  /** By the shortest way that this browser has: its frames, its track, or frames of a hidden video. */
  #hand(track) {
    if ("MediaStreamTrackProcessor" in window) {
      const { readable } = new MediaStreamTrackProcessor({ track });
      this.tell({ type: "readable", readable }, [readable]);
      return;
    }
    const clone = track.clone();
    try {
      this.tell({ type: "track", track: clone }, [clone]);
    } catch {
      clone.stop(); // tracks don't go to workers here
      this.#takeFrames();
    }
  }

  #takeFrames() {
    const video = document.createElement("video");
    video.muted = video.playsInline = true;
    video.srcObject = this.#stream;
    this.#video = video;
    const next = () => {
      if (this.#video !== video) return;
      const at = performance.timeOrigin + performance.now();
      const frame = new VideoFrame(video, { timestamp: Math.round(performance.now() * 1000) });
      this.tell({ type: "frame", frame, at }, [frame]);
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    video.play().catch((error) => this.#hear({ type: "failed", why: error.message }));
  }
}
