/** Plays one stream in the audio thread: a small buffer against jitter, resampled to the speaker's rate. */

const CAPACITY_SECONDS = 4; // more than is ever kept: beyond 1 s we drop to now
const MIN_TARGET_SECONDS = 0.12;
const MAX_TARGET_SECONDS = 0.6;
const MIN_MARGIN_SECONDS = 0.056; // with 64 ms chunks this makes the 120 ms above
const SPARE_SECONDS = 0.02; // a chunk may come a little later than the latest one so far
const JITTER_DECAY = 0.999; // each chunk: with 64 ms chunks a bad moment is half forgotten after 45 s
const TOO_LATE_SECONDS = 1;
const FADE_SECONDS = 0.005; // long enough to hide a click, too short to be heard as a fade
const MAX_SPEED_CHANGE = 0.005; // 9 cents: nobody hears it, and 0.5 % is far more than crystals differ
const SPEED_PER_SECOND = 0.05; // how hard an error of one second in the buffer pulls
const REPORT_EVERY_SECONDS = 0.25;

/** The curve through four neighbours (Catmull-Rom), `t` of the way from the second to the third. */
export function cubic(before, from, to, after, t) {
  const slope = 0.5 * (to - before);
  const nextSlope = 0.5 * (after - from);
  const bend = 2 * (from - to) + slope + nextSlope;
  return ((bend * t + (3 * (to - from) - 2 * slope - nextSlope)) * t + slope) * t + from;
}

/** Samples as they came, readable at any fraction between them. */
export class SampleRing {
  constructor(sampleRateHz, channels) {
    this.sampleRateHz = sampleRateHz;
    this.capacity = Math.ceil(sampleRateHz * CAPACITY_SECONDS);
    this.planes = Array.from({ length: channels }, () => new Float32Array(this.capacity));
    this.written = 0;
    this.position = 0;
  }

  /** Seconds that could still be played. */
  get bufferedSeconds() {
    return (this.written - this.position) / this.sampleRateHz;
  }

  /** How many output frames `step` apart can be read now; the curve looks two samples ahead. */
  framesReady(step) {
    return Math.max(0, Math.floor((this.written - 2 - this.position) / step));
  }

  push(planes) {
    const frames = planes[0].length;
    for (let frame = 0; frame < frames; frame += 1) {
      const at = (this.written + frame) % this.capacity;
      this.planes.forEach((plane, channel) => {
        plane[at] = planes[channel][frame];
      });
    }
    this.written += frames;
    this.position = Math.max(this.position, this.written - this.capacity + 2);
  }

  /** The value of one channel at the read position. */
  value(channel) {
    const plane = this.planes[channel];
    const whole = Math.floor(this.position);
    const at = (index) => (index < 0 ? 0 : plane[index % this.capacity]);
    return cubic(at(whole - 1), at(whole), at(whole + 1), at(whole + 2), this.position - whole);
  }
}

/** How much must be kept in hand so that late chunks are not heard: grows at once, shrinks slowly. */
export class JitterEstimate {
  constructor() {
    this.targetSeconds = MIN_TARGET_SECONDS;
    this.restart();
  }

  restart() {
    this.mediaSeconds = 0;
    this.earliest = Infinity;
    this.jitterSeconds = 0;
  }

  /** Take one chunk's length and when it came; returns the new target. */
  hear(chunkSeconds, arrivalSeconds) {
    const lateness = arrivalSeconds - this.mediaSeconds;
    this.mediaSeconds += chunkSeconds;
    if (lateness - this.earliest > TOO_LATE_SECONDS) this.restartAt(lateness);
    this.earliest = Math.min(this.earliest + chunkSeconds * 0.001, lateness); // follows a clock that runs slow
    this.jitterSeconds = Math.max(lateness - this.earliest, this.jitterSeconds * JITTER_DECAY);
    const needed = chunkSeconds + Math.max(MIN_MARGIN_SECONDS, this.jitterSeconds + SPARE_SECONDS);
    this.targetSeconds = Math.min(MAX_TARGET_SECONDS, Math.max(MIN_TARGET_SECONDS, needed));
    return this.targetSeconds;
  }

  restartAt(lateness) {
    this.earliest = lateness; // it paused: what came before says nothing about what comes now
  }
}

/** The faster an over-full buffer is emptied, never noticeably. */
export function driftSpeed(bufferedSeconds, targetSeconds) {
  const wanted = (bufferedSeconds - targetSeconds) * SPEED_PER_SECOND;
  return 1 + Math.max(-MAX_SPEED_CHANGE, Math.min(MAX_SPEED_CHANGE, wanted));
}

/** Everything between a chunk's arrival and the samples that the speaker asks for. */
export class JitterBuffer {
  constructor(outputRateHz) {
    this.outputRateHz = outputRateHz;
    this.ring = null;
    this.jitter = new JitterEstimate();
    this.isPlaying = false;
    this.fade = 0;
    this.fadeStep = 1 / (FADE_SECONDS * outputRateHz);
    this.tailDecay = 1 - 3 * this.fadeStep;
    this.tails = new Float32Array(2);
    this.lastOutput = new Float32Array(2);
    this.smoothedSeconds = 0;
    this.seams = [];
    this.playedFrames = 0;
    this.underruns = 0;
    this.droppedSeconds = 0;
  }

  /** Take one chunk; `isAfterGap` says that something is missing before it, so that the seam is not heard. */
  push(planes, sampleRateHz, arrivalSeconds, isAfterGap = false) {
    if (this.ring?.sampleRateHz !== sampleRateHz || this.ring.planes.length !== planes.length) {
      this.#conceal();
      this.ring = new SampleRing(sampleRateHz, planes.length);
      this.jitter.restart();
      this.isPlaying = false;
    }
    if (isAfterGap) this.seams = [...this.seams.slice(-8), this.ring.written];
    this.ring.push(planes);
    this.jitter.hear(planes[0].length / sampleRateHz, arrivalSeconds);
    const buffered = this.ring.bufferedSeconds;
    this.smoothedSeconds += (buffered - this.smoothedSeconds) * 0.05;
    if (this.isPlaying && buffered > TOO_LATE_SECONDS) this.#dropToNow();
  }

  /** Fill the output channels; silence while there is too little in hand. */
  pull(outputs) {
    if (!this.isPlaying && this.ring && this.ring.bufferedSeconds >= this.jitter.targetSeconds) this.#start();
    const step = this.isPlaying ? this.#step() : 0;
    for (let frame = 0; frame < outputs[0].length; frame += 1) {
      if (this.isPlaying && this.ring.framesReady(step) < 1) this.#underrun();
      if (this.isPlaying && this.ring.position >= this.seams[0]) this.#crossSeam();
      for (let channel = 0; channel < outputs.length; channel += 1) {
        outputs[channel][frame] = this.#next(channel);
      }
      if (this.isPlaying) this.#advance(step);
    }
  }

  #next(channel) {
    const tail = this.tails[channel];
    this.tails[channel] *= this.tailDecay;
    if (!this.isPlaying) return tail;
    const value = this.ring.value(Math.min(channel, this.ring.planes.length - 1)) * this.fade + tail;
    this.lastOutput[channel] = value;
    return value;
  }

  #advance(step) {
    this.ring.position += step;
    this.playedFrames += 1;
    this.fade = Math.min(1, this.fade + this.fadeStep);
  }

  #crossSeam() {
    this.seams.shift();
    this.#conceal();
  }

  #start() {
    this.isPlaying = true;
    this.smoothedSeconds = this.ring.bufferedSeconds;
    this.ring.position = Math.max(this.ring.position, this.ring.written - this.#targetSamples());
    this.fade = 0;
  }

  #underrun() {
    this.isPlaying = false;
    this.underruns += 1;
    this.#conceal();
  }

  #dropToNow() {
    const before = this.ring.position;
    this.ring.position = this.ring.written - this.#targetSamples();
    this.droppedSeconds += (this.ring.position - before) / this.ring.sampleRateHz;
    this.smoothedSeconds = this.ring.bufferedSeconds;
    this.#conceal();
  }

  #targetSamples() {
    return Math.round(this.jitter.targetSeconds * this.ring.sampleRateHz);
  }

  /** A jump is coming: let what was heard last die away while the new comes in. */
  #conceal() {
    this.tails.set(this.lastOutput);
    this.lastOutput.fill(0);
    this.fade = 0;
  }

  #step() {
    return (this.ring.sampleRateHz / this.outputRateHz) * driftSpeed(this.smoothedSeconds, this.jitter.targetSeconds);
  }

  report() {
    return {
      playedSeconds: this.playedFrames / this.outputRateHz,
      underruns: this.underruns,
      droppedSeconds: this.droppedSeconds,
      bufferedMs: Math.round((this.ring?.bufferedSeconds ?? 0) * 1000),
      targetMs: Math.round(this.jitter.targetSeconds * 1000),
    };
  }
}

// Pages without AudioWorklet and the tests import the classes above; only the audio thread has this function.
if (typeof registerProcessor === "function") {
  registerProcessor(
    "leganize-player",
    class extends AudioWorkletProcessor {
      constructor() {
        super();
        this.buffer = new JitterBuffer(sampleRate);
        this.isWanted = true;
        this.reportAt = 0;
        this.port.onmessage = ({ data }) => this.#take(data);
      }

      process(_inputs, [outputs]) {
        this.buffer.pull(outputs);
        if (currentTime >= this.reportAt) {
          this.reportAt = currentTime + REPORT_EVERY_SECONDS;
          this.port.postMessage(this.buffer.report());
        }
        return this.isWanted;
      }

      #take(message) {
        if (message === "end") this.isWanted = false;
        else this.buffer.push(message.planes, message.sampleRateHz, message.arrivalSeconds, message.isAfterGap);
      }
    },
  );
}
