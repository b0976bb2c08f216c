/** The page's one sound system: silent until a person asks, then every stream with its own volume into one ear. */

import { ScheduledPlayer, WorkletPlayer } from "./players.js";
import { instruments, stats } from "./stats.js";

const FULL_VOLUME = 80; // the slider's mark for "as it came"; above it quiet microphones get louder
const SMOOTH_SECONDS = 0.015; // a knob that jumps clicks
const ANALYSER_SIZE = 2048;

/** Events: change (listening or mode changed). */
export class Sound extends EventTarget {
  isListening = false;
  isMuted = false;
  /** How this browser plays: "worklet", "scheduled", "none", or null before anybody asked. */
  mode = null;
  /** The one stream that is heard alone, or null. */
  alone = null;
  #lanes = new Map();
  #opening = null;

  /** Begin to play; only a person's press may lead here, or the browser refuses. */
  async listen() {
    this.#opening ??= this.#open();
    await this.#opening;
    if (this.mode !== "none") {
      await this.context.resume();
      this.isListening = true;
    }
    this.#changed();
  }

  /** Stop playing; what comes meanwhile is not kept for later. */
  async hush() {
    this.isListening = false;
    this.#lanes.forEach((lane) => this.#endPlayer(lane));
    await this.context?.suspend();
    this.#changed();
  }

  /** Play one chunk of a stream now, if anybody listens. */
  play(stream, planes, { sampleRateHz, arrivedAtMs }, isAfterGap) {
    if (!this.isListening) return;
    const lane = this.#lane(stream);
    if (!lane.player) {
      lane.gain = new GainNode(this.context, { gain: this.#gainOf(stream) });
      lane.gain.connect(this.master);
      lane.player = new this.Player(this.context, lane.gain);
    }
    lane.player.push(planes, sampleRateHz, arrivedAtMs / 1000, isAfterGap);
  }

  /** Forget a stream that left. */
  drop(stream) {
    const lane = this.#lanes.get(stream);
    if (lane) this.#endPlayer(lane);
    this.#lanes.delete(stream);
  }

  setVolume(stream, percent) {
    this.#lane(stream).volume = percent;
    this.#applyGains();
  }

  setMuted(stream, isMuted) {
    this.#lane(stream).isMuted = isMuted;
    this.#applyGains();
  }

  isStreamMuted(stream) {
    return this.#lanes.get(stream)?.isMuted ?? false;
  }

  /** Mute everything, or end that. */
  muteAll(isMuted) {
    this.isMuted = isMuted;
    this.#applyGains();
    this.#changed();
  }

  /** Hear one stream alone; null hears all again. */
  hearAlone(stream) {
    this.alone = stream;
    this.#applyGains();
    this.#changed();
  }

  async #open() {
    const Context = globalThis.AudioContext ?? globalThis.webkitAudioContext;
    this.mode = "none";
    if (Context) {
      this.context = new Context({ latencyHint: "interactive" });
      this.Player = [WorkletPlayer, ScheduledPlayer].find((each) => each.isPossible(this.context));
    }
    if (!this.Player) return;
    await this.Player.prepare(this.context);
    this.mode = this.Player === WorkletPlayer ? "worklet" : "scheduled";
    stats.mode = this.mode;
    this.master = new GainNode(this.context);
    instruments.analyser = new AnalyserNode(this.context, { fftSize: ANALYSER_SIZE });
    this.master.connect(instruments.analyser).connect(this.context.destination);
    this.context.addEventListener("statechange", () => this.#followContext());
  }

  /** A phone call or a sleeping phone takes the sound away: then nobody listens, and the page has to say so. */
  #followContext() {
    if (!this.isListening || this.context.state === "running") return;
    this.isListening = false;
    this.#changed();
  }

  #lane(stream) {
    if (!this.#lanes.has(stream)) this.#lanes.set(stream, { volume: FULL_VOLUME, isMuted: false, player: null });
    return this.#lanes.get(stream);
  }

  #endPlayer(lane) {
    lane.player?.end();
    lane.gain?.disconnect();
    lane.player = null;
    lane.gain = null;
  }

  #gainOf(stream) {
    const { volume, isMuted } = this.#lane(stream);
    const isHeard = !isMuted && !this.isMuted && (this.alone === null || this.alone === stream);
    return isHeard ? (volume / FULL_VOLUME) ** 2 : 0; // ears are not linear
  }

  #applyGains() {
    this.#lanes.forEach((lane, stream) => {
      lane.gain?.gain.setTargetAtTime(this.#gainOf(stream), this.context.currentTime, SMOOTH_SECONDS);
    });
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
