// What is known of the platform or of one tenant just now: the last snapshots, the events since, and rates drawn from them.
//
// Events come over the live connection. What happened while there was none (the host was down, nobody looked) is read from the
// journal when it is back, so that listeners hear of each event once, whatever happens between.

import { getAll } from './api.js';
import { now, passing, stopTime } from './clock.js';
import { Live } from './live.js';
import { Meter } from './meter.js';
import { counts } from './parts/task.js';
import { keyed } from './parts/log.js';

const PAST = 600_000;
const MOST_EVENTS = 5000;
const MOST_WINDOWS = 600;
/** Milliseconds between two views, however much is told. */
const PACE = 200;
/** Milliseconds for which a connection may be lost without a word about it. */
const PATIENCE = 1500;
/** Milliseconds until what could not be read is read again. */
const RETRY = 3000;

export class Feed {
  /** `changed()` whenever there is something else to show. */
  constructor(tenant, changed) {
    Object.assign(this, { tenant, redraw: changed, isLive: false, isLate: false, isDown: false, status: null, streams: null, tasks: null, error: null });
    this.meter = new Meter();
    this.windows = new Map();
    // Names of files by the number of their task.
    this.files = new Map();
    this.known = new Set();
    this.listeners = [];
    this.returns = [];
    this.began = now();
    this.newest = null;
    // Since when events may have been missed, and how long nothing was heard.
    this.missed = new Date(this.began - 5000).toISOString();
    this.gone = null;
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
    for (const timer of [this.soon, this.silence, this.again]) clearTimeout(timer);
    this.live.close();
    [this.listeners, this.returns] = [[], []];
    stopTime(null);
  }

  /** `listener(event)` for each event of the journal. */
  whenEvent(listener) {
    this.listeners.push(listener);
  }

  /** `listener()` whenever the connection is back: what was read before may be old. */
  whenBack(listener) {
    this.returns.push(listener);
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
      const events = await getAll(['logs'], { tenant: this.tenant, event: 'task_ended,stream_window', since }, MOST_EVENTS);
      this.meter.past(events, -Infinity, this.began);
      for (const event of events) if (event.report) this.addWindows(event.tenant, event.stream, [event.report]);
      this.changed();
    } catch (error) {
      console.warn('the charts begin with now:', error);
    }
  }

  #turned(isUp, error) {
    const wasLive = this.isLive;
    this.isLive = isUp;
    // Whatever the server refuses is told; a connection that was lost comes back.
    this.error = error?.status > 0 ? error : null;
    this.isLate ||= !isUp;
    clearTimeout(this.silence);
    if (isUp) {
      stopTime(null);
      this.isDown = false;
      if (this.gone !== null) {
        this.meter.gap();
        for (const listener of this.returns) listener();
      }
      this.#catchUp(this.gone, passing());
    } else {
      if (wasLive) {
        this.gone ??= this.live.lastWord;
        this.missed ??= this.newest ?? new Date(this.began - 5000).toISOString();
      }
      if (!document.hidden) this.silence = setTimeout(() => this.#fallSilent(), this.isDown ? 0 : PATIENCE);
    }
    this.changed();
  }

  #fallSilent() {
    if (this.live.ended) return;
    if (this.live.lastWord !== null) stopTime(this.live.lastWord);
    this.isDown = true;
    this.changed();
  }

  /** Reads what happened while nothing was heard. */
  async #catchUp(gone, back) {
    const since = this.missed;
    if (since === null) return;
    clearTimeout(this.again);
    try {
      const events = await getAll(['logs'], { tenant: this.tenant, since }, MOST_EVENTS);
      [this.missed, this.gone] = [null, null];
      if (gone !== null) this.meter.past(events, gone, back);
      events.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
      for (const event of events) this.#heard('event', event);
    } catch {
      // Without the connection it is read when that is back.
      this.again = setTimeout(() => this.isLive && this.#catchUp(gone, back), RETRY);
    }
  }

  #heard(name, data) {
    if (name === 'status') {
      this.status = data;
      if (this.tenant === null) this.meter.keepTenants(new Set(data.tenants.map(({ tenant }) => tenant)));
      this.#measure(data.running.map((running) => ({ ...running, number: running.task, running })), false);
    }
    if (name === 'tasks') {
      if (this.tasks === null) this.meter.seed(data, now());
      this.tasks = data;
      for (const { number, file } of data) this.#named(number, file.name);
      this.#measure(data, true);
    }
    if (name === 'streams') this.#streams(data);
    if (name === 'event') this.#event(data);
    this.changed();
  }

  #streams(streams) {
    this.streams = streams;
    this.meter.streams(streams, now());
    for (const { tenant, stream, window } of streams) if (window) this.addWindows(tenant, stream, [window]);
    const there = new Set(streams.map(({ tenant, stream }) => `${tenant}/${stream}`));
    for (const key of this.windows.keys()) if (!there.has(key)) this.windows.delete(key);
  }

  #event(event) {
    const [{ $key }] = keyed([event]);
    if (this.known.has($key)) return;
    this.known.add($key);
    if (this.known.size > 2 * MOST_EVENTS) this.known.delete(this.known.values().next().value);
    if (!(Date.parse(this.newest) > Date.parse(event.at))) this.newest = event.at;
    if (event.event === 'task_ended') this.#named(event.task, event.file);
    if (event.event === 'stream_window') {
      this.meter.window(event.tenant, event.stream, event.report);
      this.addWindows(event.tenant, event.stream, [event.report]);
    }
    for (const listener of this.listeners) listener(event);
  }

  #named(task, name) {
    this.files.set(task, name);
    if (this.files.size > MOST_EVENTS) this.files.delete(this.files.keys().next().value);
  }

  #measure(tasks, isNewest) {
    const list = tasks.map((task) => {
      const { rows, documents } = counts(task);
      return { number: task.number, tenant: task.tenant, rows: rows.read, documents: documents.stored, position: task.running?.position };
    });
    this.meter.tasks(list, now(), isNewest);
  }
}
