// What a tenant's things do just now.

import { get } from '../../api.js';
import { bars } from '../../sparks.js';
import { now } from '../../clock.js';
import { h, ticking } from '../../dom.js';
import { icon } from '../../parts/icons.js';
import { bytes, count, many, seconds } from '../../format.js';
import { isUnlimited } from '../../json.js';
import { Resource } from '../../resource.js';
import { logList, merged, together } from '../../parts/log.js';
import { badge, empty, exactly, figure, held, waiting } from '../../parts/small.js';
import { taskLine } from '../../parts/task.js';
import { toTenant } from '../../router.js';
import { GROUPS } from '../../events.js';
import { rates } from '../platform/figures.js';
import { throughput } from '../throughput.js';

const DAY = 86_400_000;
const DAYS = 14;
const MOST = 8;
const MOST_EVENTS = 500;
const atMost = (limit) => (isUnlimited(limit) ? null : ` of at most ${count(limit)}`);
const SHOWN = GROUPS.find(([name]) => name === 'all')[2].filter((kind) => !['task_began', 'stream_scaled', 'request'].includes(kind));

export class NowTab {
  constructor(page) {
    this.page = page;
    const { tenant, redraw } = page;
    const from = new Date(now() - (DAYS - 1) * DAY).toISOString().slice(0, 10);
    this.usage = new Resource(() => get(['usage'], { tenant, from }), redraw);
    this.timer = setInterval(() => page.feed.isLive && !document.hidden && this.usage.refresh(), 10_000);
    this.events = new Resource(async () => {
      const events = await get(['logs'], { tenant, event: SHOWN.join(','), limit: 300 });
      return merged(this.events.value ?? [], events, MOST_EVENTS);
    }, redraw);
  }

  changed() {
    this.usage.refresh();
    this.events.refresh();
  }

  close() {
    clearInterval(this.timer);
    this.usage.close();
    this.events.close();
  }

  heard(event) {
    if (SHOWN.includes(event.event) && this.events.value) this.events.value = merged(this.events.value, [event], MOST_EVENTS);
  }

  render() {
    const { feed, me, tenant } = this.page;
    const line = feed.status?.tenants.find((one) => one.tenant === tenant);
    if (!line) return waiting(feed);
    const meter = feed.meter.of(tenant);
    return [
      this.#figures(line, meter),
      h('div', { class: 'columns' },
        h('div', {},
          h('section', { class: 'card charts', key: 'chart' }, throughput(`now ${tenant}`, meter)),
          me.read_only ? null : h('section', { class: 'card dropbox', key: 'drop' }, icon('drop'),
            h('p', {}, h('strong', {}, 'Drop a file anywhere on this page'), h('br', {}), h('span', { class: 'muted small' }, 'Data is submitted to an app; a .so is checked, and becomes an app.'))),
          this.#tasks()),
        h('div', {}, this.#streams(), this.#usage(), this.#events())),
    ];
  }

  #figures({ load, stored_bytes: stored, limits }, meter) {
    const at = now();
    const today = new Date(at).toISOString().slice(0, 10);
    const used = this.usage.value?.find(({ day }) => day === today);
    const most = limits && !isUnlimited(limits.storage_bytes) ? `of ${bytes(limits.storage_bytes)}` : '';
    return h('div', { class: 'figures', role: 'list' },
      rates(meter),
      figure('Queue', exactly(load.waiting), load.waiting === 1 ? 'task waits' : 'tasks wait', h('p', {}, `${count(load.running)} running`, atMost(limits?.concurrent_tasks), limits && !isUnlimited(limits.waiting_tasks) ? `, at most ${count(limits.waiting_tasks)} may wait` : null)),
      figure('Parked', exactly(load.parked), load.parked === 1 ? 'task' : 'tasks', h('p', {}, load.parked > 0 ? h('a', { href: toTenant(this.page.tenant, 'batches', { state: 'parked' }) }, 'See why') : 'none failed for good'), load.parked > 0 ? 'bad' : ''),
      figure('Used today (UTC)', exactly(used?.documents ?? 0), used?.documents === 1 ? 'document' : 'documents', h('p', {}, used ? `${seconds(used.cpu_seconds)} of CPU, ${many(used.tasks, 'task')}` : 'nothing yet')),
      figure('Kept', bytes(stored), most, h('p', {}, 'files and documents')));
  }

  #tasks() {
    const { feed, me, tenant } = this.page;
    const tasks = (feed.tasks ?? []).slice(0, 6);
    const place = { me, meter: feed.meter, changed: () => this.page.changed() };
    return h('section', { class: 'card', key: 'tasks' },
      h('header', {}, h('h2', {}, 'Newest files'), h('span', { class: 'spread' }), h('a', { href: toTenant(tenant, 'batches') }, 'All batches')),
      tasks.length > 0 ? h('ul', { class: 'rows' }, tasks.map((task) => taskLine(task, place))) : empty('No file yet', 'Drop one here, or copy it into the inbox of an app.'));
  }

  #streams() {
    const { feed, tenant } = this.page;
    if (!feed.streams?.length) return null;
    return h('section', { class: 'card', key: 'streams' },
      h('header', {}, h('h2', {}, 'Streams'), h('span', { class: 'spread' }), h('a', { href: toTenant(tenant, 'streams') }, 'Charts')),
      h('ul', { class: 'rows' }, feed.streams.map((stream) => h('li', { key: stream.stream, class: 'line' },
        h('span', { class: 'name' }, stream.stream),
        ticking(() => h('span', { class: 'muted small' }, `${count(feed.meter.streamRate(tenant, stream.stream, now()))}/s · ${count(stream.waiting ?? 0)} waiting · ${many(stream.consumers, 'consumer')}`)),
        h('span', { class: 'spread' }), badge(stream.state)))));
  }

  #usage() {
    const lines = this.usage.value;
    if (!lines) return null;
    const days = Array.from({ length: DAYS }, (_, index) => new Date(now() - (DAYS - 1 - index) * DAY).toISOString().slice(0, 10));
    const values = days.map((day) => [day.slice(5), lines.find((line) => line.day === day)?.documents ?? 0]);
    return h('section', { class: 'card', key: 'usage' }, bars({ title: 'Documents per day (UTC)', values, colour: 'rows-colour', unit: count }));
  }

  #events() {
    const { feed, tenant } = this.page;
    return h('section', { class: 'card short', key: 'events' },
      h('header', {}, h('h2', {}, 'Lately'), h('span', { class: 'spread' }), h('a', { href: toTenant(tenant, 'log') }, 'Whole log')),
      held(this.events, (all) => logList(together(all).slice(0, MOST), false, feed.files)));
  }
}
