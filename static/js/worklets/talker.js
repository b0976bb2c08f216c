/** Turns what this person says into 16 kHz samples, 64 ms at a time, in the audio thread. */

export const TALK_RATE_HZ = 16_000;
export const TALK_SAMPLES = 1024; // 64 ms, as devices send

/** Samples at any higher rate to 16 kHz by straight lines; a low-pass before it has removed what would fold down. */
export class Downsampler {
  constructor(inputRateHz, emit) {
    this.step = inputRateHz / TALK_RATE_HZ;
    this.emit = emit;
    this.position = 0; // of the next output sample, counted from the first sample of the coming block
    this.last = 0;
    this.block = new Float32Array(TALK_SAMPLES);
    this.filled = 0;
  }

  push(samples) {
    for (; this.position < samples.length - 1; this.position += this.step) {
      const whole = Math.floor(this.position);
      const before = whole < 0 ? this.last : samples[whole];
      const after = samples[whole + 1];
      this.#put(before + (after - before) * (this.position - whole));
    }
    this.position -= samples.length;
    this.last = samples[samples.length - 1];
  }

  #put(sample) {
    this.block[this.filled] = sample;
    this.filled += 1;
    if (this.filled < TALK_SAMPLES) return;
    this.emit(this.block);
    this.block = new Float32Array(TALK_SAMPLES);
    this.filled = 0;
  }
}

// The tests import the class above; only the audio thread has this function.
if (typeof registerProcessor === "function") {
  registerProcessor(
    "leganize-talker",
    class extends AudioWorkletProcessor {
      constructor() {
        super();
        this.downsampler = new Downsampler(sampleRate, (block) => this.port.postMessage(block, [block.buffer]));
      }

      process([microphone]) {
        if (microphone.length) this.downsampler.push(microphone[0]);
        return true;
      }
    },
  );
}
