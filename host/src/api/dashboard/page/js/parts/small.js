// Small parts that many views are made of.

import { h, occupy, ticking } from '../dom.js';
import { ago, count, group, seconds, visible } from '../format.js';
import { now } from '../clock.js';

const TONES = {
  done: 'good', live: 'good', started: 'good', running: 'busy', waiting: '', stopped: '', retired: '', cancelled: '',
  partial: 'warn', paused: 'warn', parked: 'bad', missing: 'bad', refused: 'bad', deleted: 'bad', suspended: 'warn', rolled_back: 'busy', removed: '',
};

/** A state as a badge. */
export const badge = (state, tone = TONES[state] ?? '') => h('span', { class: `badge ${tone}` }, state.replace('_', ' '));

/** A word beside a name. */
export const label = (text) => h('span', { class: 'badge plain' }, text);

/**
 * A button; nothing where somebody may only read. While what `click` has begun is under way (its promise), it does nothing more.
 * Buttons that take each other's place have the same `key` in `more`; one that is `off` has nothing to do, and keeps the focus.
 */
export function button(me, text, click, style = 'little', { key = text, off = false, ...more } = {}) {
  if (me.read_only) return null;
  const use = (event) => {
    const element = event.currentTarget;
    if (element.$busy || off) return;
    const busy = click(event);
    if (busy?.finally) occupy(element, busy);
  };
  return h('button', { class: `button ${style}`, type: 'button', key, 'aria-disabled': off ? 'true' : null, on: { click: use }, ...more }, text);
}

/** A number with its name, and more below. */
export const figure = (name, value, unit, more, tone = '') =>
  h('div', { class: `card figure ${tone}`, key: name, role: 'listitem' }, h('p', {}, name), h('strong', {}, value, unit ? h('small', {}, unit) : null), more);

/** A number in short, with all its digits for those who point at it. */
export const exactly = (number) => h('span', { title: Math.abs(number) >= 10_000 ? group(Math.round(number)) : null }, count(number));

/** How long ago, with the time itself for those who point at it. */
export const when = (time) => ticking(() => h('time', { datetime: time, title: time, class: 'nowrap' }, ago(time, now())));

/** For how long: "3 min", with when it began for those who point at it. */
export const lasting = (time) => ticking(() => h('time', { datetime: time, title: time, class: 'nowrap' }, seconds(Math.max(0, Math.floor((now() - Date.parse(time)) / 1000)))));

/** What stands where there is nothing. */
export const empty = (title, text) => h('div', { class: 'empty' }, h('strong', {}, title), text);

/** What stands there until the first snapshot has come. */
export const waiting = ({ error }) => (error ? h('p', { class: 'notice', role: 'alert' }, error.message) : h('p', { class: 'empty' }, 'Waiting for the first sign of life…'));

/** What a resource holds, as `shown(value)` draws it. An error that came later stands above it, and takes nothing away. */
export function held(resource, shown) {
  const { value, error } = resource;
  const strip = error ? h('p', { class: 'notice strip', key: '.strip' }, value === null ? error.message : `This is how it was when it was last read: ${error.message}`) : null;
  if (value === null) return strip ?? h('p', { class: 'empty' }, 'Loading…');
  return [strip, shown(value)];
}

/** Letters up to which a sentence is shown whole at once. */
const LONG = 320;

/** Why something is as it is, in words that a tenant may have chosen. A long one is folded after four lines. */
export function reason(text, tone = '') {
  const words = h('bdi', {}, visible(text));
  const kind = `reason ${tone}`;
  return text.length > LONG ? h('details', { class: 'fold', key: '.reason' }, h('summary', { class: kind, title: 'All of it' }, words)) : h('p', { class: kind, key: '.reason' }, words);
}

const orders = new Map();

/** Rows in the order they had while somebody points at them or has the focus among them (in what has `data-steady`, its name). */
export function steady(name, rows, keyOf) {
  const before = orders.get(name);
  const isHeld = before && document.querySelector(`[data-steady="${name}"]`)?.matches(':hover, :focus-within');
  const place = (row) => before.get(keyOf(row)) ?? before.size;
  const found = isHeld ? [...rows].sort((a, b) => place(a) - place(b)) : rows;
  orders.set(name, new Map(found.map((row, index) => [keyOf(row), index])));
  return found;
}

/** Somebody chose another order. */
export const reorder = (name) => orders.delete(name);
