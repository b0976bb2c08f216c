/** One lane's way to the ear: which stretch of which take comes next, stretched in time, and scheduled without a seam. */

import { Stretcher } from "./stretch.js";

const TINY_SECONDS = 0.002; // less is no sound, but what rounding left over
const SHORTEST_SECONDS = 0.4; // of a take that still grows: shorter pieces cost more than they bring

/** Where a take has sound next, at or after `seconds` of the axis: {take, at} with `at` in the take's own seconds. */
export function nextSound(takes, seconds) {
  for (const take of takes) {
    const least = take.state === "finished" ? TINY_SECONDS : SHORTEST_SECONDS;
    const at = Math.max(0, seconds - take.offset);
    if (take.seconds - at >= least) return { take, at };
  }
  return null;
}

export class Feed {
  #nodes = new Set();
  #stretcher = null;
  #take = null;

  /** `takes` in the order of their offsets; `output` is the node that the sound goes to. */
  constructor(takes, output) {
    this.takes = takes;
    this.output = output;
    /** Up to where on the axis the sound has been scheduled. */
    this.cursor = 0;
    this.nextAt = 0;
  }

  /** Begin anew at a moment of the axis. */
  moveTo(seconds) {
    this.#nodes.forEach((node) => node.stop());
    this.#nodes.clear();
    this.#take = null;
    this.cursor = seconds;
  }

  /** What is to be fetched before this lane can go on, or null: {take, at}. */
  missing(pieces) {
    const next = nextSound(this.takes, this.cursor);
    return next && !pieces.at(next.take, next.at) ? next : null;
  }

  /** Schedule what is here, up to `until` on the axis; says whether it got so far. */
  schedule(context, clock, pieces, until) {
    while (this.cursor < until) {
      const next = nextSound(this.takes, this.cursor);
      if (!next || next.take.offset >= until) return true;
      const piece = pieces.at(next.take, next.at);
      if (!piece) return false;
      this.#play(context, clock, next, piece);
    }
    return true;
  }

  #play(context, clock, { take, at }, { from, until, sampleRateHz, planes }) {
    const first = Math.round((at - from) * sampleRateHz);
    const samples = planes.map((plane) => plane.subarray(first));
    if (this.#take !== take) this.#begin(take, clock, take.offset + at, sampleRateHz, planes.length);
    this.cursor = take.offset + until;
    const stretched = this.#stretcher ? this.#stretcher.push(samples) : samples;
    if (stretched[0].length) this.#start(context, stretched, sampleRateHz);
  }

  #begin(take, clock, seconds, sampleRateHz, channels) {
    this.#take = take;
    this.nextAt = clock.timeOf(seconds);
    this.#stretcher = clock.speed === 1 ? null : new Stretcher(sampleRateHz, channels, clock.speed);
  }

  #start(context, planes, sampleRateHz) {
    const buffer = context.createBuffer(planes.length, planes[0].length, sampleRateHz);
    planes.forEach((plane, channel) => buffer.copyToChannel(plane, channel));
    const node = context.createBufferSource();
    node.buffer = buffer;
    node.connect(this.output);
    node.onended = () => this.#nodes.delete(node);
    node.start(this.nextAt);
    this.#nodes.add(node);
    this.nextAt += planes[0].length / sampleRateHz;
  }
}
