// A tenant's log: what happened, the newest first, filtered, and live. So many events are shown at once: whoever goes further
// back leaves the newest behind, and comes back to them by a button.

import { getPage, path } from '../../api.js';
import { h } from '../../dom.js';
import { GROUPS, told } from '../../events.js';
import { Resource } from '../../resource.js';
import { logList, merged, repeated } from '../../parts/log.js';
import { button, empty, held } from '../../parts/small.js';
import { attempt } from '../../toasts.js';

const PAGE = 200;
const MOST = 2000;

export class LogTab {
  constructor(page) {
    Object.assign(this, { page, group: 'all', words: '', isPaused: false, isBack: false, events: [], held: [], next: null });
    this.#open();
  }

  close() {
    this.first.close();
  }

  heard(event) {
    if (!this.#kinds().includes(event.event)) return;
    if (this.isPaused || this.isBack) this.held = merged(this.held, [event], MOST);
    else this.#add([event]);
  }

  render() {
    const words = this.words.trim().toLowerCase();
    const shown = this.events.filter((event) => !words || wordsOf(event, this.page.feed.files).includes(words));
    return h('section', { class: 'card' },
      h('header', {}, h('h2', {}, 'Log'), h('span', { class: 'spread' }), h('div', { class: 'filters' }, this.#filters())),
      held(this.first, () => (shown.length > 0 ? logList(repeated(shown), false, this.page.feed.files) : empty('Nothing of that kind', 'Choose another kind of events, or other words.'))),
      this.next ? button({}, 'Older events', () => this.#older(), '', { key: 'older' }) : null);
  }

  #filters() {
    const rest = this.held.length > 0 ? ` (${this.held.length})` : '';
    return [
      h('select', { 'aria-label': 'Kind of events', key: 'kind', on: { change: (event) => this.#turn(event.target.value) } }, GROUPS.map(([name, words]) => h('option', { value: name, selected: name === this.group }, words))),
      h('input', { type: 'search', placeholder: 'Filter  ( / )', 'aria-label': 'Filter by words', key: 'words', on: { input: (event) => this.#filter(event.target.value) } }),
      this.isBack ? h('button', { class: 'button little', type: 'button', key: 'pause', on: { click: () => this.#turn(this.group) } }, `To the newest${rest}`)
        : h('button', { class: 'button little', type: 'button', key: 'pause', 'aria-pressed': String(this.isPaused), on: { click: () => this.#pause() } }, this.isPaused ? `Go on${rest}` : 'Pause'),
    ];
  }

  #kinds() {
    return GROUPS.find(([name]) => name === this.group)[2];
  }

  #open() {
    this.first = new Resource(async () => {
      const { items, next } = await getPage(this.#address());
      // Read again, it is in no other place: where the older ones begin is known already.
      if (this.events.length === 0) this.next = next;
      this.#add(items);
      return true;
    }, this.page.redraw);
  }

  #add(events) {
    const all = merged(this.events, events, Infinity);
    this.events = all.slice(0, MOST);
    // Those that went to make room are older ones again.
    if (all.length > MOST) this.next = this.#address(new Date(this.events.at(-1).$at + 1).toISOString());
    this.page.redraw();
  }

  #address(until) {
    return path(['logs'], { tenant: this.page.tenant, event: this.#kinds().join(','), limit: PAGE, until });
  }

  #turn(group) {
    this.first.close();
    Object.assign(this, { group, events: [], held: [], next: null, isBack: false, isPaused: false });
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
      const { items, next } = await getPage(this.next);
      this.next = next;
      const all = merged(this.events, items, Infinity);
      this.isBack ||= all.length > MOST;
      this.events = all.slice(-MOST);
      this.page.redraw();
    }, () => null);
  }
}

/** All that is said of an event, to be searched. */
function wordsOf(event, files) {
  return Object.values(told(event, files)).join(' ').toLowerCase();
}
