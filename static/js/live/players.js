/** The two ways a browser plays one live stream: in its audio thread, or by buffers scheduled one after another. */

import { SampleRing, JitterEstimate, driftSpeed } from "../worklets/player.js";
import { stats } from "./stats.js";

const TOO_LATE_SECONDS = 1;
const FADE_SECONDS = 0.005;
const MIN_SCHEDULE_SECONDS = 0.03; // shorter buffers cost more than they bring

/** Plays through `static/js/worklets/player.js`; needs a secure page. */
export class WorkletPlayer {
  static isPossible(context) {
    return Boolean(context.audioWorklet) && typeof AudioWorkletNode === "function";
  }

  static prepare(context) {
    return context.audioWorklet.addModule(new URL("../worklets/player.js", import.meta.url));
  }

  constructor(context, output) {
    this.node = new AudioWorkletNode(context, "leganize-player", { numberOfInputs: 0, outputChannelCount: [2] });
    this.node.port.onmessage = ({ data }) => this.#count(data);
    this.node.connect(output);
    this.counted = { playedSeconds: 0, underruns: 0, droppedSeconds: 0 };
  }

  push(planes, sampleRateHz, arrivalSeconds, isAfterGap) {
    const copies = planes.map((plane) => plane.slice()); // what is transferred is lost here, and the tape wants it too
    const message = { planes: copies, sampleRateHz, arrivalSeconds, isAfterGap };
    this.node.port.postMessage(message, copies.map(({ buffer }) => buffer));
  }

  end() {
    this.node.port.postMessage("end");
    this.node.disconnect();
  }

  #count(report) {
    stats.secondsPlayed += report.playedSeconds - this.counted.playedSeconds;
    stats.underruns += report.underruns - this.counted.underruns;
    stats.droppedSeconds += report.droppedSeconds - this.counted.droppedSeconds;
    stats.bufferedMs = report.bufferedMs;
    this.counted = report;
  }
}

/** Plays where there is no AudioWorklet: each chunk becomes a buffer that starts exactly where the last one ends. */
export class ScheduledPlayer {
  static isPossible(context) {
    return typeof context.createBufferSource === "function";
  }

  static async prepare() {}

  constructor(context, output) {
    this.context = context;
    this.output = output;
    this.jitter = new JitterEstimate();
    this.scheduled = [];
    this.nextAt = 0;
  }

  push(planes, sampleRateHz, arrivalSeconds, isAfterGap) {
    if (this.ring?.sampleRateHz !== sampleRateHz || this.ring.planes.length !== planes.length) {
      this.ring = new SampleRing(sampleRateHz, planes.length);
      this.jitter.restart();
    }
    this.ring.push(planes);
    this.jitter.hear(planes[0].length / sampleRateHz, arrivalSeconds);
    const isFresh = this.#keepTime();
    const step = (sampleRateHz / this.context.sampleRate) * driftSpeed(this.#lead(), this.jitter.targetSeconds);
    const frames = this.ring.framesReady(step);
    if (frames >= MIN_SCHEDULE_SECONDS * this.context.sampleRate) this.#schedule(frames, step, isFresh || isAfterGap);
  }

  end() {
    this.scheduled.forEach((source) => source.stop());
    this.scheduled = [];
    this.output = null;
  }

  #lead() {
    return this.nextAt - this.context.currentTime;
  }

  /** Begin anew when nothing is left to play, or when there is so much that now is far away; says whether it did. */
  #keepTime() {
    const lead = this.#lead();
    if (lead > 0.005 && lead <= TOO_LATE_SECONDS) return false;
    if (lead > TOO_LATE_SECONDS) {
      stats.droppedSeconds += lead - this.jitter.targetSeconds;
      this.scheduled.forEach((source) => source.stop());
    } else if (this.nextAt > 0) {
      stats.underruns += 1;
    }
    this.nextAt = this.context.currentTime + this.jitter.targetSeconds;
    return true;
  }

  #schedule(frames, step, isFadedIn) {
    const { context } = this;
    const buffer = context.createBuffer(this.ring.planes.length, frames, context.sampleRate);
    this.#fill(buffer, step, isFadedIn);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.output);
    source.start(this.nextAt);
    source.onended = () => {
      this.scheduled = this.scheduled.filter((other) => other !== source);
    };
    this.scheduled.push(source);
    this.nextAt += buffer.duration;
    stats.secondsPlayed += buffer.duration;
    stats.bufferedMs = Math.round(this.#lead() * 1000);
  }

  #fill(buffer, step, isFadedIn) {
    const planes = this.ring.planes.map((_, channel) => buffer.getChannelData(channel));
    const fadeFrames = isFadedIn ? FADE_SECONDS * this.context.sampleRate : 0;
    for (let frame = 0; frame < buffer.length; frame += 1) {
      const fade = frame < fadeFrames ? frame / fadeFrames : 1;
      for (let channel = 0; channel < planes.length; channel += 1) {
        planes[channel][frame] = this.ring.value(channel) * fade;
      }
      this.ring.position += step;
    }
  }
}
