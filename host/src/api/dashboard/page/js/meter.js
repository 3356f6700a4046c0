// Rates out of snapshots: tasks and streams tell how far they are, and what was added since the last time is counted. Pure.

import { Buckets } from './series.js';

const WIDTH = 5000;
const LENGTH = 120;

const line = () => ({ rows: new Buckets(WIDTH, LENGTH), messages: new Buckets(WIDTH, LENGTH), documents: new Buckets(WIDTH, LENGTH) });

export class Meter {
  constructor() {
    this.all = line();
    this.tenants = new Map();
    this.seen = new Map();
    this.speeds = new Map();
    this.newest = null;
  }

  /** The buckets of a tenant. */
  of(tenant) {
    if (!this.tenants.has(tenant)) this.tenants.set(tenant, line());
    return this.tenants.get(tenant);
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
  }

  /** Takes in where streams stand. */
  streams(list, now) {
    for (const stream of list) {
      const counts = { messages: stream.messages, documents: stream.stored };
      this.#counted(`stream ${stream.tenant}/${stream.stream}`, stream, counts, false, now);
    }
  }

  /** Takes in what the journal has on record of the time before `until`. */
  past(events, until) {
    for (const event of events) {
      const at = Date.parse(event.at);
      if (!(at <= until)) continue;
      if (event.event === 'task_ended') this.#add(event.tenant, at - event.slot_seconds * 1000, at, { rows: event.new_rows, documents: event.new_documents });
      if (event.event === 'stream_window') this.#add(event.tenant, at - event.report.seconds * 1000, at, { messages: event.report.messages, documents: event.report.stored });
    }
  }

  /** Bytes a second of a task that runs, or null. */
  speed(number) {
    return this.speeds.get(number)?.rate ?? null;
  }

  #counted(key, { tenant }, counts, isNew, now) {
    const before = this.seen.get(key) ?? (isNew ? { at: now - 1000 } : null);
    // A host that began anew counts from nothing.
    const grown = (name) => Math.max(0, counts[name] - (before[name] ?? 0));
    if (before) {
      const added = Object.fromEntries(Object.keys(counts).map((name) => [name, grown(name)]));
      this.#add(tenant, Math.max(before.at, now - 10_000), now, added);
    }
    this.seen.set(key, { ...counts, at: now });
  }

  #add(tenant, from, to, amounts) {
    for (const lines of [this.all, this.of(tenant)]) {
      for (const [name, amount] of Object.entries(amounts)) lines[name].add(from, Math.max(to, from + 1), amount);
    }
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
