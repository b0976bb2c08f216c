/** A WAV file as the server sends it, taken apart: its rate, its channels, its samples. */

import { decodePcm } from "../live/pcm.js";

const CHUNK_HEADER_BYTES = 8;
const ALL_THE_REST = 0xffffffff; // what RF64 writes where the size does not fit

/** Return {sampleRateHz, planes} of 16-bit PCM; throws an Error that says what is wrong with the file. */
export function readWav(buffer) {
  const view = new DataView(buffer);
  const kind = buffer.byteLength >= 12 ? textAt(view, 0) : "";
  if ((kind !== "RIFF" && kind !== "RF64") || textAt(view, 8) !== "WAVE") throw new Error("this is no WAV file");
  let format = null;
  for (let at = 12; at + CHUNK_HEADER_BYTES <= buffer.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    const begin = at + CHUNK_HEADER_BYTES;
    if (textAt(view, at) === "fmt ") format = formatAt(view, begin);
    if (textAt(view, at) === "data") return sound(format, buffer, begin, size);
    at = begin + size + (size % 2);
  }
  throw new Error("this WAV file has no sound");
}

function sound(format, buffer, begin, size) {
  if (!format || format.bits !== 16) throw new Error("this WAV file is not of 16 bits");
  const rest = buffer.byteLength - begin;
  const payload = new Uint8Array(buffer, begin, size === ALL_THE_REST ? rest : Math.min(size, rest));
  return { sampleRateHz: format.sampleRateHz, planes: decodePcm(payload, format.channels) };
}

function formatAt(view, at) {
  return {
    channels: view.getUint16(at + 2, true),
    sampleRateHz: view.getUint32(at + 4, true),
    bits: view.getUint16(at + 14, true),
  };
}

function textAt(view, at) {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}
