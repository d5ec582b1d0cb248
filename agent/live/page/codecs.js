// Codecs: which encoders to ask for, in order, and what goes into them.

const BITS_A_PIXEL = 0.2; // 1.4 Mbit/s at 640×360: a counter in 16×16 blocks survives it
const FPS = 30;
const PROFILES = ["42e0", "4200", "4d40", "6400"]; // baseline first: it holds no picture back
const LEVELS = [
  ["1e", 1620], // 3.0: macroblocks of a picture at 30 frames a second, less above 25
  ["1f", 3600], // 3.1
  ["28", 8192], // 4.0
];

/** The configuration of H.264 that this browser takes first, or null. */
export function h264(width, height) {
  const blocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  const levels = LEVELS.filter(([, most]) => blocks <= most).map(([level]) => level);
  const strings = levels.flatMap((level) => PROFILES.map((profile) => `avc1.${profile}${level}`));
  return first(
    strings.map((codec) => ({ ...common(codec, width, height), avc: { format: "annexb" } })),
  );
}

/** The same of VP8. */
export function vp8(width, height) {
  return first([common("vp8", width, height)]);
}

function common(codec, width, height) {
  const bitrate = Math.round(width * height * FPS * BITS_A_PIXEL);
  return { codec, width, height, bitrate, framerate: FPS, latencyMode: "realtime" };
}

async function first(configs) {
  for (const config of configs) {
    try {
      if ((await VideoEncoder.isConfigSupported(config)).supported) return config;
    } catch {
      // A string that it can't even read is one that it doesn't take.
    }
  }
  return null;
}
