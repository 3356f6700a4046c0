// A tenant's log: what happened, the newest first, filtered, and live.

import { get } from '../../api.js';
import { h } from '../../dom.js';
import { GROUPS, told } from '../../events.js';
import { Resource } from '../../resource.js';
import { keyed, logList } from '../../parts/log.js';
import { empty, pending } from '../../parts/small.js';
import { attempt } from '../../toasts.js';

const PAGE = 200;
const MOST = 2000;

export class LogTab {
  constructor(page) {
    Object.assign(this, { page, group: 'all', words: '', isPaused: false, events: [], held: [], isEnd: false });
    this.#open();
  }

  close() {
    this.first.close();
  }

  heard(event) {
    if (!this.#kinds().includes(event.event)) return;
    if (this.isPaused) this.held.push(event);
    else this.#add([event]);
  }

  render() {
    const words = this.words.trim().toLowerCase();
    const shown = this.events.filter((event) => !words || Object.values(told(event)).join(' ').toLowerCase().includes(words));
    return h('section', { class: 'card' },
      h('header', {}, h('h2', {}, 'Log'), h('span', { class: 'spread' }), h('div', { class: 'filters' }, this.#filters())),
      (this.events.length === 0 ? pending(this.first) : null) ?? (shown.length > 0 ? logList(shown) : empty('Nothing of that kind', 'Choose another kind of events, or other words.')),
      this.first.value && !this.isEnd ? h('button', { class: 'button', type: 'button', key: 'older', on: { click: () => this.#older() } }, 'Older events') : null);
  }

  #filters() {
    return [
      h('select', { 'aria-label': 'Kind of events', key: 'kind', on: { change: (event) => this.#turn(event.target.value) } }, GROUPS.map(([name, words]) => h('option', { value: name, selected: name === this.group }, words))),
      h('input', { type: 'search', placeholder: 'Filter  ( / )', 'aria-label': 'Filter by words', key: 'words', on: { input: (event) => this.#filter(event.target.value) } }),
      h('button', { class: 'button little', type: 'button', key: 'pause', 'aria-pressed': String(this.isPaused), on: { click: () => this.#pause() } }, this.isPaused ? `Go on${this.held.length ? ` (${this.held.length})` : ''}` : 'Pause'),
    ];
  }

  #kinds() {
    return GROUPS.find(([name]) => name === this.group)[2];
  }

  #read(until) {
    return get(['logs'], { tenant: this.page.tenant, event: this.#kinds().join(','), limit: PAGE, until });
  }

  #open() {
    this.first = new Resource(async () => {
      const events = await this.#read();
      this.isEnd = events.length < PAGE;
      this.#add(events);
      return true;
    }, this.page.redraw);
  }

  /** What is told twice is one event; the newest come first. */
  #add(events) {
    const known = new Set(this.events.map(({ $key }) => $key));
    const fresh = keyed(events).filter(({ $key }) => !known.has($key)).reverse();
    this.events = [...fresh, ...this.events].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, MOST);
    this.page.redraw();
  }

  #turn(group) {
    this.first.close();
    Object.assign(this, { group, events: [], held: [], isEnd: false });
    this.#open();
    this.page.redraw();
  }

  #filter(words) {
    this.words = words;
    this.page.redraw();
  }

  #pause() {
    this.isPaused = !this.isPaused;
    if (!this.isPaused) this.#add(this.held.splice(0));
    this.page.redraw();
  }

  #older() {
    return attempt(async () => {
      const events = await this.#read(this.events.at(-1)?.at);
      this.isEnd = events.length < PAGE;
      this.#add(events);
    }, () => null);
  }
}
