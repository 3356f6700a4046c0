// The platform on one page: rates, queue, slots, failures, tenants, hosts. For operators.

import { get } from '../api.js';
import { now } from '../clock.js';
import { h } from '../dom.js';
import { GROUPS } from '../events.js';
import { Feed } from '../feed.js';
import { many } from '../format.js';
import { Resource } from '../resource.js';
import { logList, merged, together } from '../parts/log.js';
import { badge, empty, held, lasting, waiting } from '../parts/small.js';
import { taskLine } from '../parts/task.js';
import { attention } from './platform/attention.js';
import { figures } from './platform/figures.js';
import { TenantsTable } from './platform/tenants.js';
import { throughput } from './throughput.js';

const TROUBLE = GROUPS.find(([name]) => name === 'trouble')[2];
const DAY = 86_400_000;
const MOST = 6;
const MOST_EVENTS = 500;

export class PlatformPage {
  constructor(me, redraw) {
    Object.assign(this, { me, redraw, crumb: null });
    this.feed = new Feed(null, redraw);
    this.table = new TenantsTable(redraw);
    this.stats = new Resource(() => get(['stats'], { since: new Date(now() - DAY).toISOString() }), redraw);
    this.trouble = new Resource(async () => {
      const events = await get(['logs'], { event: TROUBLE.join(','), limit: 300 });
      return merged(this.trouble.value ?? [], events, MOST_EVENTS);
    }, redraw);
    this.feed.whenEvent((event) => {
      if (TROUBLE.includes(event.event) && this.trouble.value) this.trouble.value = merged(this.trouble.value, [event], MOST_EVENTS);
    });
    this.feed.whenBack(() => this.#refresh());
    this.timer = setInterval(() => this.feed.isLive && !document.hidden && this.stats.refresh(), 30_000);
  }

  close() {
    clearInterval(this.timer);
    this.feed.close();
    this.stats.close();
    this.trouble.close();
  }

  turn() {}

  render() {
    const { status } = this.feed;
    if (!status) return waiting(this.feed);
    return [
      h('div', { class: 'head' }, h('h1', {}, 'Overview'), h('span', { class: 'muted' }, `version ${status.version}, up for `, lasting(status.since))),
      figures(this.feed, this.stats.value),
      attention(this.feed),
      h('div', { class: 'columns' },
        h('div', {}, h('section', { class: 'card charts', key: 'charts' }, throughput('platform', this.feed.meter.all)), this.#running(status)),
        h('div', {}, this.#events())),
      this.table.render(this.feed),
      hosts(status),
    ];
  }

  #refresh() {
    this.stats.refresh();
    this.trouble.refresh();
  }

  #running(status) {
    const place = { me: this.me, meter: this.feed.meter, changed: () => this.#refresh(), withTenant: true };
    const known = new Map((this.feed.tasks ?? []).map((task) => [task.number, task]));
    const tasks = status.running.map((running) => ({ ...(known.get(running.task) ?? bare(running)), state: 'running', running }));
    return h('section', { class: 'card', key: 'running' },
      h('header', {}, h('h2', {}, 'Running now'), h('span', { class: 'muted small' }, many(tasks.length, 'task'), ' on this host')),
      tasks.length > 0 ? h('ul', { class: 'rows' }, tasks.map((task) => taskLine(task, place))) : empty('All slots are free', 'Files that are submitted run here.'));
  }

  #events() {
    return h('section', { class: 'card short', key: 'events' }, h('header', {}, h('h2', {}, 'Lately')),
      held(this.trouble, (all) => (all.length > 0 ? logList(together(all).slice(0, MOST), true) : empty('Nothing went wrong', 'Refusals, deaths and broken limits are told here.'))));
  }
}

/** A task that runs and is not among the newest: only what its slot tells of it. */
const bare = (running) => ({ number: running.task, tenant: running.tenant, app: running.app, file: { name: running.file, bytes: running.bytes }, work: 'ingest', checkpoint: { counts: running.counts, settled: { row: { end: running.position } } } });

function hosts(status) {
  return h('section', { class: 'card', key: 'hosts' }, h('header', {}, h('h2', {}, 'Hosts'), h('span', { class: 'muted small' }, String(status.hosts.length))),
    h('ul', { class: 'rows' }, status.hosts.map((host) => h('li', { key: host.name, class: 'line' },
      h('span', { class: 'name' }, host.name),
      h('span', { class: 'muted small' }, `${many(host.slots, 'slot')} · version ${host.version} · up for `, lasting(host.since)),
      h('span', { class: 'spread' }),
      host.silent_seconds > 15 ? badge(`silent for ${host.silent_seconds} s`, 'warn') : badge('alive', 'good')))));
}
