// Rates out of snapshots: tasks and streams tell how far they are, and what was added since the last time is counted. Pure.
//
// Of a stream, what snapshots tell is for the time being: each window that closes says what came in it, and takes the place of that.
// A window that is open when the page comes is taken to go on as the one before. What tasks did before the first snapshot, and while
// nothing was heard, comes from the journal (`past`).

import { Buckets } from './series.js';
import { Speeds } from './speeds.js';

const WIDTH = 5000;
const LENGTH = 120;
/** Buckets that make up what is called the rate of now, on every tile, chart and table. */
const NOW = 2;
/** Windows after which one that should have closed has not been: nothing came. */
const LATE = 2.5;
/** Windows that are remembered to have been counted. */
const MOST_WINDOWS = 20_000;
/** Milliseconds after which something that was not heard of again is forgotten. */
const FORGOTTEN = 600_000;

const line = () => ({ rows: new Buckets(WIDTH, LENGTH), messages: new Buckets(WIDTH, LENGTH), documents: new Buckets(WIDTH, LENGTH) });
const times = (amounts, factor) => Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount * factor]));
const overlap = (from, to, begin, end) => Math.max(0, Math.min(to, end) - Math.max(from, begin));

/** The rate of now of some of a tenant's or the platform's buckets, added up. */
export const lately = (now, ...buckets) => buckets.reduce((sum, one) => sum + one.lately(now, NOW), 0);

export class Meter {
  constructor() {
    this.all = line();
    this.tenants = new Map();
    this.streamRates = new Map();
    this.seen = new Map();
    // Of streams by `tenant/stream`: what was added for the time being, `[from, to, amounts]`, and how a window is taken to go on.
    this.added = new Map();
    this.guesses = new Map();
    this.counted = new Set();
    this.speeds = new Speeds();
    this.newest = null;
  }

  /** The buckets of a tenant. */
  of(tenant) {
    if (!this.tenants.has(tenant)) this.tenants.set(tenant, line());
    return this.tenants.get(tenant);
  }

  /** Messages a second of a stream, now. */
  streamRate(tenant, stream, now) {
    const rate = this.streamRates.get(`${tenant}/${stream}`);
    return rate ? lately(now, rate) : 0;
  }

  /** Forgets all other tenants. */
  keepTenants(names) {
    for (const tenant of this.tenants.keys()) if (!names.has(tenant)) this.tenants.delete(tenant);
  }

  /**
   * Takes in where tasks stand: `{ number, tenant, rows, documents, position }`. A task that is newer than all those in the list of
   * the newest (`isNewest`) before began at nothing.
   */
  tasks(list, now, isNewest) {
    const newest = list.reduce((most, task) => Math.max(most, task.number), this.newest ?? 0);
    for (const task of list) {
      const isNew = this.newest !== null && task.number > this.newest;
      this.#counted(`task ${task.number}`, task, { rows: task.rows, documents: task.documents }, isNew, now);
      this.speeds.take(task, now);
    }
    if (isNewest) this.newest = newest;
    for (const [key, { at }] of this.seen) if (at < now - FORGOTTEN) this.seen.delete(key);
    this.speeds.forget(now - FORGOTTEN);
  }

  /** Tasks that run while the page is opened: what they did so far was done since they began. */
  seed(tasks, now) {
    for (const { tenant, epoch, running } of tasks) {
      if (!running || epoch > 1) continue;
      this.#add(tenant, Date.parse(running.since), now, { rows: running.counts.rows.read, documents: running.counts.documents.stored });
    }
  }

  /** Takes in where streams stand. */
  streams(list, now) {
    for (const stream of list) {
      const key = `${stream.tenant}/${stream.stream}`;
      if (!this.seen.has(`stream ${key}`)) this.#guess(key, stream);
      this.#counted(`stream ${key}`, stream, { messages: stream.messages, documents: stream.stored }, false, now);
    }
    const there = new Set(list.map(({ tenant, stream }) => `${tenant}/${stream}`));
    for (const known of [this.streamRates, this.added, this.guesses]) {
      for (const key of known.keys()) if (!there.has(key)) known.delete(key);
    }
  }

  /** Takes in what the journal has on record: windows, and of tasks what they did between two times. */
  past(events, begin, end) {
    for (const event of events) {
      if (event.event === 'stream_window') this.window(event.tenant, event.stream, event.report);
      if (event.event !== 'task_ended') continue;
      const to = Date.parse(event.at);
      const from = to - event.slot_seconds * 1000;
      const part = to > from ? overlap(from, to, begin, end) / (to - from) : Number(from >= begin && from < end);
      if (part > 0) this.#add(event.tenant, Math.max(from, begin), Math.min(to, end), times({ rows: event.new_rows, documents: event.new_documents }, part));
    }
  }

  /** A window has closed: it takes the place of what was added for its time. Told again it changes nothing. */
  window(tenant, stream, report) {
    const key = `${tenant}/${stream}`;
    const name = `${key} ${report.closed_at}`;
    if (this.counted.has(name)) return;
    this.counted.add(name);
    if (this.counted.size > MOST_WINDOWS) this.counted.delete(this.counted.values().next().value);
    const to = Date.parse(report.closed_at);
    const from = to - report.seconds * 1000;
    if (to > this.guesses.get(key)?.from) this.guesses.delete(key);
    this.#retract(tenant, stream, from, to);
    this.#add(tenant, from, to, { messages: report.messages, documents: report.stored }, stream);
  }

  /** Nothing was heard for a while. What streams did meanwhile is on record, and so is what tasks did that are over. */
  gap() {
    for (const [key, seen] of this.seen) {
      if (key.startsWith('stream ')) this.seen.delete(key);
      else seen.isOld = true;
    }
    this.guesses.clear();
    this.newest = null;
  }

  /** Bytes a second of a task that runs, or null. */
  speed(number) {
    return this.speeds.of(number);
  }

  #guess(key, { state, window }) {
    if (state !== 'started' || !window) return;
    const from = Date.parse(window.closed_at);
    const rate = times({ messages: window.messages, documents: window.stored }, 1 / (window.seconds * 1000));
    this.guesses.set(key, { from, until: from, rate, last: from + LATE * window.seconds * 1000 });
  }

  #counted(key, { tenant, stream, position }, counts, isNew, now) {
    const before = this.seen.get(key) ?? (isNew ? { at: now - 1000 } : null);
    this.seen.set(key, { ...counts, at: now });
    if (stream !== undefined && this.#goesOn(tenant, stream, now)) return;
    if (!before || (before.isOld && position === undefined)) return;
    // A host that began anew counts from nothing.
    const grown = Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, Math.max(0, value - (before[name] ?? 0))]));
    const from = before.isOld ? before.at : Math.max(before.at, now - 10_000);
    if (stream === undefined) this.#add(tenant, from, now, grown);
    else this.#addForNow(tenant, stream, from, now, grown);
  }

  /** A window that was open when the page came goes on as the one before, or it should have closed long ago: nothing came in it. */
  #goesOn(tenant, stream, now) {
    const key = `${tenant}/${stream}`;
    const guess = this.guesses.get(key);
    if (!guess) return false;
    if (now > guess.last) {
      this.guesses.delete(key);
      this.#retract(tenant, stream, guess.from, now);
      return false;
    }
    if (now > guess.until) this.#addForNow(tenant, stream, guess.until, now, times(guess.rate, now - guess.until));
    guess.until = Math.max(guess.until, now);
    return true;
  }

  #addForNow(tenant, stream, from, to, amounts) {
    const key = `${tenant}/${stream}`;
    const [begin, end] = [from, Math.max(to, from + 1)];
    this.added.set(key, [...(this.added.get(key) ?? []), [begin, end, amounts]]);
    this.#add(tenant, begin, end, amounts, stream);
  }

  /** Takes back what was added between two times, and forgets what was before. */
  #retract(tenant, stream, from, to) {
    const left = [];
    for (const [begin, end, amounts] of this.added.get(`${tenant}/${stream}`) ?? []) {
      const part = overlap(begin, end, from, to) / (end - begin);
      if (part > 0) this.#add(tenant, Math.max(begin, from), Math.min(end, to), times(amounts, -part), stream);
      if (end > to) left.push([Math.max(begin, to), end, times(amounts, (end - Math.max(begin, to)) / (end - begin))]);
    }
    this.added.set(`${tenant}/${stream}`, left);
  }

  #add(tenant, from, to, amounts, stream) {
    for (const lines of [this.all, this.of(tenant)]) {
      for (const [name, amount] of Object.entries(amounts)) lines[name].add(from, Math.max(to, from + 1), amount);
    }
    if (stream === undefined || !amounts.messages) return;
    const key = `${tenant}/${stream}`;
    if (!this.streamRates.has(key)) this.streamRates.set(key, new Buckets(WIDTH, LENGTH));
    this.streamRates.get(key).add(from, Math.max(to, from + 1), amounts.messages);
  }
}
