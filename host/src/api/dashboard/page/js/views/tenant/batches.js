// A tenant's batches and their tasks, the newest first, with how far each is.

import { get } from '../../api.js';
import { h } from '../../dom.js';
import { Resource } from '../../resource.js';
import { empty, held, when } from '../../parts/small.js';
import { batchWords, byBatch, taskLine } from '../../parts/task.js';
import { toTenant } from '../../router.js';

const STATES = ['waiting', 'running', 'done', 'partial', 'parked', 'cancelled'];
const PAGE = 50;

export class BatchesTab {
  constructor(page, query) {
    Object.assign(this, { page, state: STATES.includes(query.state) ? query.state : '', limit: PAGE });
    const { tenant, redraw } = page;
    this.tasks = new Resource(() => get(['tasks'], { tenant, state: this.state, newest_first: true, limit: this.limit }), redraw);
  }

  close() {
    this.tasks.close();
  }

  heard(event) {
    if (['batch_accepted', 'task_began', 'task_ended', 'deed'].includes(event.event)) this.tasks.refresh();
  }

  changed() {
    this.tasks.refresh();
  }

  render() {
    return h('section', { class: 'card' },
      h('header', {}, h('h2', {}, 'Batches'), h('span', { class: 'spread' }), h('div', { class: 'filters' }, this.#filter())),
      held(this.tasks, () => this.#list()));
  }

  #filter() {
    const turn = (event) => {
      location.hash = toTenant(this.page.tenant, 'batches', event.target.value ? { state: event.target.value } : {});
    };
    return h('select', { 'aria-label': 'State', on: { change: turn } },
      ['', ...STATES].map((state) => h('option', { value: state, selected: state === this.state }, state || 'every state')));
  }

  #list() {
    const { me, feed } = this.page;
    const place = { me, meter: feed.meter, changed: () => this.page.changed() };
    // The live snapshot is newer than what was read.
    const live = new Map((feed.tasks ?? []).map((task) => [task.number, task]));
    const known = new Set(this.tasks.value.map(({ number }) => number));
    const fresh = (feed.tasks ?? []).filter(({ number }) => !known.has(number) && number > Math.max(0, ...known));
    const tasks = [...fresh, ...this.tasks.value].map((task) => live.get(task.number) ?? task).filter(({ state }) => !this.state || state === this.state);
    if (tasks.length === 0) return this.state ? empty(`No task is ${this.state}`, 'Choose another state above.') : empty('No file yet', 'Drop one on this page, or copy it into the inbox of an app.');
    return [
      h('ul', { class: 'rows' }, byBatch(tasks).map(([batch, own]) => this.#batch(batch, own, place))),
      this.tasks.value.length >= this.limit ? h('button', { class: 'button', type: 'button', on: { click: () => this.#more() } }, 'Older ones') : null,
    ];
  }

  #batch(batch, tasks, place) {
    if (tasks.length === 1) return taskLine(tasks[0], place);
    return h('li', { class: 'batch', key: batch },
      h('div', { class: 'line' }, h('span', { class: 'name' }, batchWords(tasks)), h('span', { class: 'spread' }), h('span', { class: 'muted small' }, when(tasks[0].enqueued_at))),
      h('ul', { class: 'rows' }, tasks.map((task) => taskLine(task, place))));
  }

  #more() {
    this.limit += 200;
    this.tasks.refresh();
  }
}
