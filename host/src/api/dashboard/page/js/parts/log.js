// Events as a list, the newest first.

import { h } from '../dom.js';
import { told } from '../events.js';
import { clock } from '../format.js';
import { now } from '../clock.js';

/** The list; with the tenant of each event where `withTenant`. */
export function logList(events, withTenant = false) {
  return h('ol', { class: withTenant ? 'log wide' : 'log' }, events.map((event) => {
    const { tone, kind, text } = told(event);
    return h('li', { class: tone, key: event.$key },
      h('time', { datetime: event.at, title: event.at }, clock(event.at, now())),
      h('span', { class: 'kind' }, kind),
      withTenant ? h('span', { class: 'muted' }, event.tenant ?? 'platform') : null,
      h('p', {}, text, event.$times > 1 ? h('span', { class: 'muted nowrap' }, ` × ${event.$times}`) : null));
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

/** Gives events a key: what is told twice is one event, and a list of them can grow at its head. */
export function keyed(events) {
  for (const event of events) event.$key ??= JSON.stringify(event);
  return events;
}
