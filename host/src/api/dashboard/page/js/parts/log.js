// Events as a list, the newest first.

import { h } from '../dom.js';
import { REPEATS, told } from '../events.js';
import { clock, visible } from '../format.js';
import { now } from '../clock.js';

/** The list; with the tenant of each event where `withTenant`. `files`: names of tasks' files. */
export function logList(events, withTenant = false, files = undefined) {
  return h('ol', { class: withTenant ? 'log wide' : 'log' }, events.map((event) => {
    const { tone, kind, text } = told(event, files);
    return h('li', { class: tone, key: event.$key },
      h('time', { datetime: event.at, title: event.at }, clock(event.at, now())),
      h('span', { class: 'kind' }, kind),
      withTenant ? h('span', { class: 'muted' }, event.tenant ?? 'platform') : null,
      h('p', {}, h('bdi', {}, visible(text)), event.$times > 1 ? h('span', { class: 'muted nowrap' }, ` × ${event.$times}`) : null));
  }));
}

/** Of events of one kind about one thing only the newest, with how many there are. Newest first, as they come. */
export function together(events) {
  const found = new Map();
  for (const event of events) {
    const about = JSON.stringify([event.event, event.tenant, event.app ?? event.stream ?? event.file ?? event.notification?.limit, event.state ?? null]);
    const known = found.get(about);
    if (known) known.$times += 1;
    else found.set(about, Object.assign(event, { $times: 1 }));
  }
  return [...found.values()];
}

/** Of events that say the same one after the other only the newest, with how many there are. Newest first, as they come. */
export function repeated(events) {
  const found = [];
  for (const event of events) {
    const last = found.at(-1);
    const { kind, text } = told(event);
    const said = kind + (REPEATS.includes(event.event) ? text.replace(/\d[\d.,\u202f]*/g, '#') : text);
    if (last?.said === said) last.times += 1;
    else found.push({ said, times: 1, event });
  }
  return found.map(({ event, times }) => Object.assign(event, { $times: times }));
}

/** Gives events a key: what is told twice is one event, and a list of them can grow at its head. */
export function keyed(events) {
  for (const event of events) event.$key ??= JSON.stringify(sorted(event));
  return events;
}

// The journal and the live connection tell the same event with its parts in another order.
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}

/** Takes more events into a list with the newest first: each once, and at most so many. The list itself, where nothing is new. */
export function merged(known, fresh, most) {
  const keys = new Set(known.map(({ $key }) => $key));
  const added = keyed(fresh).filter(({ $key }) => !keys.has($key) && keys.add($key));
  if (added.length === 0) return known;
  for (const event of added) event.$at = Date.parse(event.at);
  return [...added.reverse(), ...known].sort((a, b) => b.$at - a.$at).slice(0, most);
}
