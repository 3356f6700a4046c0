// What is known of the platform or of one tenant just now: the last snapshots, the events since, and rates drawn from them.

import { get } from './api.js';
import { now } from './clock.js';
import { Live } from './live.js';
import { Meter } from './meter.js';
import { counts } from './parts/task.js';
import { keyed } from './parts/log.js';

const PAST = 600_000;
const MOST_EVENTS = 500;
const MOST_WINDOWS = 600;
/** Milliseconds between two views, however much is told. */
const PACE = 200;

export class Feed {
  /** `changed()` whenever there is something else to show. */
  constructor(tenant, changed) {
    Object.assign(this, { tenant, redraw: changed, isLive: false, isLate: false, status: null, streams: null, tasks: null, events: [], error: null });
    this.meter = new Meter();
    this.windows = new Map();
    this.listeners = [];
    this.began = now();
    this.live = new Live(tenant, (name, data) => this.#heard(name, data), (isUp, error) => this.#turned(isUp, error));
    this.#readPast();
  }

  /** Something is different now: it is shown soon, together with what comes until then. */
  changed() {
    this.soon ??= setTimeout(() => {
      this.soon = null;
      this.redraw();
    }, PACE);
  }

  /** No more of it. */
  close() {
    clearTimeout(this.soon);
    this.live.close();
    this.listeners = [];
  }

  /** `listener(event)` for each event of the journal. */
  whenEvent(listener) {
    this.listeners.push(listener);
  }

  /** The windows of a stream that are known, the oldest first. */
  windowsOf(tenant, stream) {
    return this.windows.get(`${tenant}/${stream}`) ?? [];
  }

  /** Takes in windows of a stream that were read or told. Each counts once. */
  addWindows(tenant, stream, reports) {
    const key = `${tenant}/${stream}`;
    const known = new Map((this.windows.get(key) ?? []).map((report) => [report.closed_at, report]));
    for (const report of reports) if (report) known.set(report.closed_at, report);
    const all = [...known.values()].sort((a, b) => Date.parse(a.closed_at) - Date.parse(b.closed_at));
    this.windows.set(key, all.slice(-MOST_WINDOWS));
  }

  async #readPast() {
    const since = new Date(this.began - PAST).toISOString();
    try {
      const events = await get(['logs'], { tenant: this.tenant, event: 'task_ended,stream_window', since, limit: 2000 });
      this.meter.past(events, this.began);
      for (const event of events) if (event.report) this.addWindows(event.tenant, event.stream, [event.report]);
      this.changed();
    } catch (error) {
      console.warn('the charts begin with now:', error);
    }
  }

  #turned(isUp, error) {
    this.isLive = isUp;
    // Whatever the server refuses is told; a connection that was lost comes back.
    this.error = error?.status > 0 ? error : null;
    this.isLate ||= !isUp;
    this.changed();
  }

  #heard(name, data) {
    if (name === 'status') {
      this.status = data;
      this.#measure(data.running.map((running) => ({ ...running, number: running.task, running })));
    }
    if (name === 'tasks') {
      this.tasks = data;
      this.#measure(data);
    }
    if (name === 'streams') {
      this.streams = data;
      this.meter.streams(data, now());
      for (const { tenant, stream, window } of data) if (window) this.addWindows(tenant, stream, [window]);
    }
    if (name === 'event') {
      this.events = [...keyed([data]), ...this.events].slice(0, MOST_EVENTS);
      if (data.event === 'stream_window') this.addWindows(data.tenant, data.stream, [data.report]);
      for (const listener of this.listeners) listener(data);
    }
    this.changed();
  }

  #measure(tasks) {
    const list = tasks.map((task) => {
      const { rows, documents } = counts(task);
      return { number: task.number, tenant: task.tenant, rows: rows.read, documents: documents.stored, position: task.running?.position };
    });
    this.meter.tasks(list, now());
  }
}
