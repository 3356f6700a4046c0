// Rates out of snapshots: tasks and streams tell how far they are, and what was added since the last time is counted. Pure.
//
// What happened before the first snapshot, and while nothing was heard, comes from the journal (`past`). Of a window of a stream
// that is open just then nothing is on record yet: it is taken to go on as the one before, until its own report corrects that.

import { Buckets } from './series.js';

const WIDTH = 5000;
const LENGTH = 120;
/** Buckets that make up what is called the rate of now, on every tile, chart and table. */
const NOW = 2;
/** Milliseconds after which something that was not heard of again is forgotten. */
const FORGOTTEN = 600_000;

const line = () => ({ rows: new Buckets(WIDTH, LENGTH), messages: new Buckets(WIDTH, LENGTH), documents: new Buckets(WIDTH, LENGTH) });
const overlap = (from, to, begin, end) => Math.max(0, Math.min(to, end) - Math.max(from, begin));

/** The rate of now of some of a tenant's or the platform's buckets, added up. */
export const lately = (now, ...buckets) => buckets.reduce((sum, one) => sum + one.lately(now, NOW), 0);

export class Meter {
  constructor() {
    this.all = line();
    this.tenants = new Map();
    this.streamRates = new Map();
    this.seen = new Map();
    this.guesses = new Map();
    this.speeds = new Map();
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

  /** Takes in where tasks stand: `{ number, tenant, rows, documents, position }`. A task that is newer than all before began at nothing. */
  tasks(list, now) {
    const first = this.newest === null;
    const newest = list.reduce((most, task) => Math.max(most, task.number), this.newest ?? 0);
    for (const task of list) {
      const isNew = !first && task.number > this.newest;
      this.#counted(`task ${task.number}`, task, { rows: task.rows, documents: task.documents }, isNew, now);
      this.#speed(task, now);
    }
    this.newest = newest;
    for (const [key, { at }] of this.seen) if (at < now - FORGOTTEN) this.seen.delete(key);
    for (const [number, { at }] of this.speeds) if (at < now - FORGOTTEN) this.speeds.delete(number);
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
      if (!this.seen.has(`stream ${key}`)) this.#guess(key, stream, now);
      this.#counted(`stream ${key}`, stream, { messages: stream.messages, documents: stream.stored }, false, now);
    }
    const there = new Set(list.map(({ tenant, stream }) => `${tenant}/${stream}`));
    for (const key of this.streamRates.keys()) if (!there.has(key)) this.streamRates.delete(key);
  }

  /** Takes in what the journal has on record of a time. */
  past(events, begin, end) {
    for (const event of events) {
      const { tenant, stream, report } = event;
      if (event.event === 'task_ended') {
        const to = Date.parse(event.at);
        this.#share(tenant, undefined, to - event.slot_seconds * 1000, to, begin, end, { rows: event.new_rows, documents: event.new_documents });
      }
      if (event.event === 'stream_window') {
        const to = Date.parse(report.closed_at);
        this.#share(tenant, stream, to - report.seconds * 1000, to, begin, end, { messages: report.messages, documents: report.stored });
      }
    }
  }

  /** A window has closed: what was guessed of its beginning is put right. */
  window(tenant, stream, report) {
    const guess = this.guesses.get(`${tenant}/${stream}`);
    const to = Date.parse(report.closed_at);
    if (!guess || to <= guess.until) return;
    this.guesses.delete(`${tenant}/${stream}`);
    const part = overlap(guess.from, guess.until, to - report.seconds * 1000, to) / (report.seconds * 1000);
    const wrong = { messages: report.messages * part - guess.messages, documents: report.stored * part - guess.documents };
    this.#add(tenant, guess.from, guess.until, wrong, stream);
  }

  /** Nothing was heard for a while. What streams did meanwhile is on record, and so is what tasks did that are over. */
  gap() {
    for (const [key, seen] of this.seen) {
      if (key.startsWith('stream ')) this.seen.delete(key);
      else seen.isOld = true;
    }
    this.newest = null;
  }

  /** Bytes a second of a task that runs, or null. */
  speed(number) {
    return this.speeds.get(number)?.rate ?? null;
  }

  #guess(key, { tenant, stream, state, window }, now) {
    const from = Date.parse(window?.closed_at);
    if (state !== 'started' || !(from < now) || now - from > 2.5 * window.seconds * 1000) return;
    const part = (now - from) / (window.seconds * 1000);
    const guess = { from, until: now, messages: window.messages * part, documents: window.stored * part };
    this.guesses.set(key, guess);
    this.#add(tenant, from, now, { messages: guess.messages, documents: guess.documents }, stream);
  }

  #counted(key, { tenant, stream, position }, counts, isNew, now) {
    const before = this.seen.get(key) ?? (isNew ? { at: now - 1000 } : null);
    // A host that began anew counts from nothing.
    const grown = (name) => Math.max(0, counts[name] - (before[name] ?? 0));
    if (before && !(before.isOld && position === undefined)) {
      const added = Object.fromEntries(Object.keys(counts).map((name) => [name, grown(name)]));
      this.#add(tenant, before.isOld ? before.at : Math.max(before.at, now - 10_000), now, added, stream);
    }
    this.seen.set(key, { ...counts, at: now });
  }

  #share(tenant, stream, from, to, begin, end, amounts) {
    const part = to > from ? overlap(from, to, begin, end) / (to - from) : Number(from >= begin && from < end);
    if (part === 0) return;
    const own = Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount * part]));
    this.#add(tenant, Math.max(from, begin), Math.min(to, end), own, stream);
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

  #speed(task, now) {
    if (task.position === undefined) {
      this.speeds.delete(task.number);
      return;
    }
    const known = this.speeds.get(task.number);
    if (!known) {
      this.speeds.set(task.number, { at: now, position: task.position, rate: null });
      return;
    }
    const passed = (now - known.at) / 1000;
    if (passed < 0.5 || task.position <= known.position) return;
    const fresh = (task.position - known.position) / passed;
    const rate = known.rate === null ? fresh : known.rate * 0.6 + fresh * 0.4;
    this.speeds.set(task.number, { at: now, position: task.position, rate });
  }
}
