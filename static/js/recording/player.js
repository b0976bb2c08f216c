/** Plays the chosen lanes together on one clock, in step to the sample: paused, playing, or waiting for sound to come. */

import { instruments } from "../live/stats.js";
import { Feed } from "./feed.js";
import { PlayClock } from "./playclock.js";

const AHEAD_SECONDS = 6; // a hidden page's timers come once a second
const PUMP_EVERY_MS = 100;
const RETRY_MS = 1500;
const START_IN_SECONDS = 0.05; // so that all lanes are scheduled before the first one begins
const LIVE_CUSHION_SECONDS = 2.5; // what is on disk is known once a second: with less in hand it would stutter
const FULL_VOLUME = 80; // the slider's mark for "as it came"
const SMOOTH_SECONDS = 0.015; // a knob that jumps clicks
const ANALYSER_SIZE = 2048;
export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

/** Events: change (what it does, or where it stands, by a person's wish or by itself). */
export class Player extends EventTarget {
  /** "paused", "playing", or "waiting": it goes on by itself as soon as there is sound. */
  state = "paused";
  /** The one lane that is heard alone, or null. */
  alone = null;
  #clock = new PlayClock();
  #channels = new Map();
  #retryAtMs = 0;

  /** `axis` tells {totalSeconds, isRunning}; `pieces` are what is heard. */
  constructor(axis, pieces) {
    super();
    this.axis = axis;
    this.pieces = pieces;
  }

  get seconds() {
    const now = this.state === "playing" ? this.#clock.secondsAt(this.context.currentTime) : this.#clock.secondsAt(0);
    return Math.min(now, this.axis.totalSeconds);
  }

  get speed() {
    return this.#clock.speed;
  }

  /** Take the lanes as they are now: [{id, takes}]; what a person chose for one stays. */
  setLanes(lanes) {
    for (const { id, takes } of lanes) {
      const channel = this.#channels.get(id) ?? { volume: FULL_VOLUME, isMuted: false, feed: null };
      channel.takes = takes;
      if (channel.feed) channel.feed.takes = takes;
      this.#channels.set(id, channel);
    }
    if (this.context) this.#connect();
  }

  /** Begin to play; only a person's press may lead here, or the browser refuses. */
  async play() {
    this.#open();
    if (this.seconds >= this.axis.totalSeconds && !this.axis.isRunning) this.#clock.stopAt(0);
    this.#become("waiting");
    await this.context.resume();
    this.#pump();
  }

  pause() {
    this.#halt("paused");
  }

  /** Go to a moment; what plays goes on from there. */
  seek(seconds) {
    const within = Math.min(Math.max(0, seconds), this.axis.totalSeconds);
    if (this.state === "playing") this.#halt("waiting");
    this.pieces.forgetUnsettled();
    this.#clock.stopAt(within);
    this.#changed();
    this.#pump();
  }

  setSpeed(speed) {
    const wasPlaying = this.state === "playing";
    if (wasPlaying) this.#halt("waiting");
    this.#clock.speed = speed;
    this.#changed();
    this.#pump();
  }

  setVolume(id, percent) {
    this.#channels.get(id).volume = percent;
    this.#applyGains();
  }

  setMuted(id, isMuted) {
    this.#channels.get(id).isMuted = isMuted;
    this.#heardChanged();
  }

  /** Hear one lane alone; null hears all again. */
  hearAlone(id) {
    this.alone = id;
    this.#heardChanged();
  }

  isMuted(id) {
    return this.#channels.get(id)?.isMuted ?? false;
  }

  /** The node that measures a lane, or null before anything was played. */
  analyserOf(id) {
    return this.#channels.get(id)?.analyser ?? null;
  }

  #open() {
    if (this.context) return;
    const rates = new Set([...this.#channels.values()].flatMap(({ takes }) => takes.map(({ rate }) => rate)));
    this.context = contextFor(rates);
    this.output = new AnalyserNode(this.context, { fftSize: ANALYSER_SIZE });
    this.output.connect(this.context.destination);
    instruments.analyser = this.output;
    this.context.addEventListener("statechange", () => this.#followContext());
    this.#connect();
    setInterval(() => this.#pump(), PUMP_EVERY_MS);
  }

  #connect() {
    for (const [id, channel] of this.#channels) {
      if (channel.feed) continue;
      channel.gain = new GainNode(this.context, { gain: this.#gainOf(id) });
      channel.analyser = new AnalyserNode(this.context, { fftSize: ANALYSER_SIZE });
      channel.gain.connect(channel.analyser).connect(this.output);
      channel.feed = new Feed(channel.takes, channel.gain);
      channel.feed.moveTo(this.seconds);
    }
  }

  /** A phone call takes the sound away: then it is paused, and the page has to say so. */
  #followContext() {
    if (this.state === "playing" && this.context.state !== "running") this.#halt("paused");
  }

  #halt(state) {
    this.#clock.stopAt(this.seconds);
    this.#channels.forEach(({ feed }) => feed?.moveTo(this.seconds));
    this.#become(state);
  }

  #pump() {
    if (this.state === "waiting") this.#begin();
    else if (this.state === "playing") this.#goOn();
  }

  /** Start as soon as every lane that is heard has its first piece. */
  #begin() {
    const { seconds } = this;
    const { totalSeconds, isRunning } = this.axis;
    if (!isRunning && seconds >= totalSeconds) return this.#halt("paused");
    if (isRunning && totalSeconds - seconds < LIVE_CUSHION_SECONDS) return undefined;
    const feeds = this.#heard();
    feeds.forEach((feed) => feed.moveTo(seconds));
    const missing = feeds.map((feed) => feed.missing(this.pieces)).filter((each) => each && this.#isNear(each, seconds));
    if (missing.length || this.context.state !== "running") return missing.forEach((each) => this.#fetch(each));
    this.#clock.runFrom(seconds, this.context.currentTime + START_IN_SECONDS);
    this.#become("playing");
    return this.#goOn();
  }

  #goOn() {
    const { seconds } = this;
    for (const feed of this.#heard()) {
      if (feed.cursor < seconds) feed.moveTo(seconds);
      const isAhead = feed.schedule(this.context, this.#clock, this.pieces, seconds + AHEAD_SECONDS * this.speed);
      const missing = isAhead ? null : feed.missing(this.pieces);
      if (missing) this.#fetch(missing);
      if (missing && missing.take.offset + missing.at <= seconds) return this.#halt("waiting");
    }
    if (seconds < this.axis.totalSeconds) return undefined;
    return this.#halt(this.axis.isRunning ? "waiting" : "paused");
  }

  #isNear({ take, at }, seconds) {
    return take.offset + at < seconds + 1;
  }

  async #fetch({ take, at }) {
    if (performance.now() < this.#retryAtMs) return;
    try {
      await this.pieces.fetch(take, at);
      this.#pump();
    } catch {
      this.#retryAtMs = performance.now() + RETRY_MS;
    }
  }

  #heard() {
    return [...this.#channels].filter(([id]) => this.#isHeard(id)).map(([, { feed }]) => feed);
  }

  #isHeard(id) {
    return !this.#channels.get(id).isMuted && (this.alone === null || this.alone === id);
  }

  #gainOf(id) {
    return this.#isHeard(id) ? (this.#channels.get(id).volume / FULL_VOLUME) ** 2 : 0; // ears are not linear
  }

  #heardChanged() {
    this.#applyGains();
    this.#changed();
    this.#pump();
  }

  #applyGains() {
    this.#channels.forEach(({ gain }, id) => {
      gain?.gain.setTargetAtTime(this.#gainOf(id), this.context.currentTime, SMOOTH_SECONDS);
    });
  }

  #become(state) {
    this.state = state;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** A sound system at the recordings' own rate, where they have one: then pieces join without a seam. */
function contextFor(rates) {
  const Context = globalThis.AudioContext ?? globalThis.webkitAudioContext;
  const options = { latencyHint: "interactive" };
  if (rates.size === 1) {
    try {
      return new Context({ ...options, sampleRate: [...rates][0] });
    } catch {
      return new Context(options); // a browser that wants its own rate resamples each piece, which nobody hears
    }
  }
  return new Context(options);
}
