/** What is known of the recording and of the lanes beside it: the server's board, brought up to date as they grow. */

/** Events: change (after each board). Lanes and takes stay the same objects as long as the page lives. */
export class Timeline extends EventTarget {
  lanes = [];
  #takes = new Map();

  constructor(board) {
    super();
    this.take(board);
  }

  /** Take a whole board, or one with only those gaps that may be new. */
  take(board) {
    this.id = board.id;
    this.state = board.state;
    this.isLive = board.live;
    this.startMs = Date.parse(board.startedAt);
    this.totalSeconds = board.seconds;
    this.standing = board.standing;
    this.sum = board.sum;
    this.lanes = board.lanes.map((lane) => ({ ...this.#laneOf(lane.id), ...lane, takes: lane.takes.map((each) => this.#take(each)) }));
    this.dispatchEvent(new Event("change"));
  }

  get isRunning() {
    return this.state !== "finished";
  }

  /** The recording that the page is about; the takes of other lanes lie beside it. */
  get own() {
    return this.#takes.get(this.id);
  }

  /** Whether any lane still grows. */
  get isGrowing() {
    return [...this.#takes.values()].some(({ state }) => state !== "finished");
  }

  /** Milliseconds since 1970 of a moment of the axis. */
  momentOf(seconds) {
    return this.startMs + seconds * 1000;
  }

  /** Whether a time alone does not say which day. */
  get isOverMidnight() {
    return new Date(this.startMs).toDateString() !== new Date(this.momentOf(this.totalSeconds)).toDateString();
  }

  /** The gaps of a lane that lie on the axis, in the order of time: {at, seconds, reason, estimated}. */
  gapsOf(lane) {
    const gaps = lane.takes.flatMap((take) => take.gaps.map((gap) => ({ ...gap, at: gap.at + take.offset })));
    return gaps.filter(({ at, seconds }) => at + seconds > 0 && at <= this.totalSeconds);
  }

  #laneOf(id) {
    return this.lanes.find((lane) => lane.id === id);
  }

  #take(news) {
    const take = this.#takes.get(news.id) ?? { gaps: [] };
    const gaps = mergedGaps(take.gaps, news.gaps);
    this.#takes.set(news.id, Object.assign(take, news, { gaps }));
    return take;
  }
}

/** Put newer gaps into a list: what begins where a newer one begins, or after the first of them, is replaced. */
export function mergedGaps(known, news) {
  if (!news.length) return known;
  const since = news[0].at;
  return [...known.filter(({ at }) => at < since), ...news];
}
