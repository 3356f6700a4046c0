// The platform in six numbers.

import { spark } from '../../chart.js';
import { now } from '../../clock.js';
import { h } from '../../dom.js';
import { count, many } from '../../format.js';
import { figure } from '../../parts/small.js';
import { together } from '../../series.js';
import { isTroubled } from './attention.js';

const SHOWN_SLOTS = 48;

/** The numbers. `stats` are of the last day, or null. */
export function figures({ status, streams, meter }, stats) {
  const at = now();
  const sum = (of) => status.tenants.reduce((all, { load }) => all + load[of], 0);
  const [waiting, running, parked] = [sum('waiting'), sum('running'), sum('parked')];
  const slots = status.hosts.reduce((all, host) => all + host.slots, 0);
  const { rows, messages, documents } = meter.all;
  const both = together(rows.rates(at), messages.rates(at)).slice(-60);
  const started = (streams ?? []).filter(({ state }) => state === 'started').length;
  const lag = (streams ?? []).reduce((all, stream) => all + (stream.waiting ?? 0), 0);
  const troubled = (streams ?? []).filter(isTroubled).length;
  const day = stats?.all;
  return h('div', { class: 'figures', role: 'list' },
    figure('Rows and messages', count(rows.lately(at, 2) + messages.lately(at, 2)), 'per second', spark(both, 'rows-colour')),
    figure('Documents stored', count(documents.lately(at, 2)), 'per second', spark(documents.rates(at).slice(-60).map(([, rate]) => rate), 'messages-colour')),
    figure('Queue', count(waiting), waiting === 1 ? 'task waits' : 'tasks wait', h('p', {}, `${many(status.tenants.length, 'tenant')}`)),
    figure('Slots', `${running} / ${slots}`, 'busy', h('div', { class: 'slots', 'aria-hidden': 'true' }, Array.from({ length: Math.min(slots, SHOWN_SLOTS) }, (_, index) => h('i', { class: index < running ? 'on' : '' })))),
    figure('Streams', `${started} / ${(streams ?? []).length}`, 'started', h('p', {}, troubled > 0 ? `${troubled} in trouble` : `${many(lag, 'message')} waiting`), troubled > 0 ? 'bad' : ''),
    figure('Failures', count(parked), parked === 1 ? 'task parked' : 'tasks parked', h('p', {}, day ? `24 h: ${many(day.dead_letters, 'dead letter')}, ${many(day.deaths, 'death')}` : ''), parked > 0 ? 'bad' : ''));
}
