/** Signed 16-bit little-endian samples as the floats that browsers reckon with, and how loud they are. */

const FULL_SCALE = 32768;
const CLIPPED = 32767 / FULL_SCALE; // the loudest value that the format can say upwards
export const SILENCE_DB = -60; // the meter's floor
const FLAT_PEAK = 3 / FULL_SCALE; // a wire without a microphone: nothing but the last bits toggle

/** Interleaved bytes to one Float32Array per channel. */
export function decodePcm(payload, channels) {
  const frames = Math.floor(payload.byteLength / 2 / channels);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const planes = Array.from({ length: channels }, () => new Float32Array(frames));
  let offset = 0;
  for (let frame = 0; frame < frames; frame += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      planes[channel][frame] = view.getInt16(offset, true) / FULL_SCALE;
      offset += 2;
    }
  }
  return planes;
}

/** Float samples to bytes, clipped at full scale. */
export function encodePcm(samples) {
  const view = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((sample, at) => {
    const scaled = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, Math.round(sample * FULL_SCALE)));
    view.setInt16(at * 2, scaled, true);
  });
  return view.buffer;
}

/** How loud these samples are: RMS and peak from 0 to 1, whether they hit the ceiling, whether the line is flat. */
export function measure(planes) {
  let sum = 0;
  let peak = 0;
  let count = 0;
  for (const plane of planes) {
    for (const sample of plane) {
      sum += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    count += plane.length;
  }
  return { rms: count ? Math.sqrt(sum / count) : 0, peak, clipped: peak >= CLIPPED, flat: peak <= FLAT_PEAK };
}

/** 0 to 1 as decibels below full scale, never under the meter's floor. */
export function decibels(amplitude) {
  return amplitude > 0 ? Math.max(SILENCE_DB, 20 * Math.log10(amplitude)) : SILENCE_DB;
}
