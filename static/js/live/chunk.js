/** The 32 bytes that stand before every binary message of ours, read and written; `docs/protocol.md` has the table. */

export const HEADER_BYTES = 32;
export const VERSION = 1;
export const Codec = Object.freeze({ PCM_S16LE: 1, JPEG: 2, OPUS: 3 });
export const Flag = Object.freeze({ SERVER_CLOCK: 1, AFTER_GAP: 2 });
/** From this stream number on it is a person's page that speaks, below it a device. */
export const FIRST_PAGE_STREAM = 2 ** 31;

/** Read one binary message; throws a RangeError with a sentence when it cannot be one of ours. */
export function parseChunk(buffer) {
  if (buffer.byteLength < HEADER_BYTES) {
    throw new RangeError(`chunk of ${buffer.byteLength} bytes is shorter than its ${HEADER_BYTES}-byte header`);
  }
  const view = new DataView(buffer);
  if (view.getUint8(0) !== VERSION) throw new RangeError(`chunk version ${view.getUint8(0)} is not ${VERSION}`);
  const chunk = {
    codec: view.getUint8(1),
    channels: view.getUint8(2),
    flags: view.getUint8(3),
    stream: view.getUint32(4),
    sampleRateHz: view.getUint32(8),
    seq: view.getUint32(12),
    bootId: view.getBigUint64(16),
    capturedAtUs: view.getBigUint64(24),
    payload: new Uint8Array(buffer, HEADER_BYTES),
  };
  refuseNonsense(chunk);
  return chunk;
}

/** Write what `parseChunk` reads. */
export function serializeChunk(chunk) {
  const bytes = new Uint8Array(HEADER_BYTES + chunk.payload.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, chunk.codec);
  view.setUint8(2, chunk.channels);
  view.setUint8(3, chunk.flags);
  view.setUint32(4, chunk.stream);
  view.setUint32(8, chunk.sampleRateHz);
  view.setUint32(12, chunk.seq);
  view.setBigUint64(16, chunk.bootId);
  view.setBigUint64(24, chunk.capturedAtUs);
  bytes.set(chunk.payload, HEADER_BYTES);
  return bytes.buffer;
}

function refuseNonsense({ codec, channels, sampleRateHz, payload }) {
  const known = Object.values(Codec);
  if (!known.includes(codec)) throw new RangeError(`chunk codec ${codec} is not one of ${known.join(", ")}`);
  if (codec !== Codec.PCM_S16LE) return;
  if (channels < 1 || channels > 2 || !sampleRateHz) {
    throw new RangeError(`PCM chunk has ${channels} channels at ${sampleRateHz} Hz`);
  }
  if (payload.byteLength % (2 * channels)) {
    const length = `${payload.byteLength} bytes`;
    throw new RangeError(`PCM payload of ${length} is no whole number of ${channels}-channel samples`);
  }
}
