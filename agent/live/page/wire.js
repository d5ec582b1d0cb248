// Messages of version 1, as agent/live/wire.py has them: JSON is text, pictures are binary.

export const VERSION = 1;
export const PICTURE = 1; // H.264, Annex B
export const INIT = 2; // fragmented MP4: its beginning
export const FRAGMENT = 3; // and one picture of it
const CAMERA = 16;
const KEY = 1;
const HEADER = 16; // kind u8, flags u8, 0 u16, number u32, microseconds u64; big endian

/** One picture of a camera, as it is sent. */
export function packed(number, timeUs, isKey, bytes) {
  const message = new Uint8Array(HEADER + bytes.byteLength);
  const header = new DataView(message.buffer);
  header.setUint8(0, CAMERA);
  header.setUint8(1, isKey ? KEY : 0);
  header.setUint32(4, number);
  header.setBigUint64(8, BigInt(timeUs));
  message.set(bytes, HEADER);
  return message;
}

/** What came, or null where it is nothing that this page knows. */
export function unpacked(buffer) {
  if (buffer.byteLength < HEADER) return null;
  const header = new DataView(buffer);
  const kind = header.getUint8(0);
  if (kind !== PICTURE && kind !== INIT && kind !== FRAGMENT) return null;
  return {
    kind,
    isKey: (header.getUint8(1) & KEY) !== 0,
    number: header.getUint32(4),
    ptsUs: Number(header.getBigUint64(8)),
    bytes: new Uint8Array(buffer, HEADER),
  };
}
