// Small parts that many views are made of.

import { h } from '../dom.js';
import { ago } from '../format.js';
import { now } from '../clock.js';

const TONES = {
  done: 'good', live: 'good', started: 'good', running: 'busy', waiting: '', stopped: '', retired: '', cancelled: '',
  partial: 'warn', paused: 'warn', parked: 'bad', missing: 'bad', refused: 'bad', deleted: 'bad', suspended: 'warn', rolled_back: 'busy', removed: '',
};

/** A state as a badge. */
export const badge = (state, tone = TONES[state] ?? '') => h('span', { class: `badge ${tone}` }, state.replace('_', ' '));

/** A word beside a name. */
export const label = (text) => h('span', { class: 'badge plain' }, text);

/** A button; nothing where somebody may only read. */
export function button(me, text, click, style = 'little', more = {}) {
  if (me.read_only) return null;
  return h('button', { class: `button ${style}`, type: 'button', key: text, on: { click }, ...more }, text);
}

/** A number with its name, and more below. */
export const figure = (name, value, unit, more, tone = '') =>
  h('div', { class: `card figure ${tone}`, key: name, role: 'listitem' }, h('p', {}, name), h('strong', {}, value, unit ? h('small', {}, unit) : null), more);

/** How long ago, with the time itself for those who point at it. */
export const when = (time) => h('time', { datetime: time, title: time, class: 'nowrap' }, ago(time, now()));

/** What stands where there is nothing. */
export const empty = (title, text) => h('div', { class: 'empty' }, h('strong', {}, title), text);

/** What stands there until the first snapshot has come. */
export const waiting = ({ error }) => (error ? h('p', { class: 'notice', role: 'alert' }, error.message) : h('p', { class: 'empty' }, 'Waiting for the first sign of life…'));

/** What a resource says while it cannot be shown, or null. */
export function pending(resource) {
  if (resource.error) return h('p', { class: 'notice' }, resource.error.message);
  return resource.value === null ? h('p', { class: 'empty' }, 'Loading…') : null;
}
