// The platform in six numbers.

import { spark } from '../../sparks.js';
import { now } from '../../clock.js';
import { h, ticking } from '../../dom.js';
import { count, many } from '../../format.js';
import { lately } from '../../meter.js';
import { exactly, figure } from '../../parts/small.js';
import { together } from '../../series.js';
import { isTroubled } from './attention.js';

const SHOWN_SLOTS = 48;

/** The numbers. `stats` are of the last day, or null. */
export function figures({ status, streams, meter }, stats) {
  const sum = (of) => status.tenants.reduce((all, { load }) => all + load[of], 0);
  const [waiting, running, parked] = [sum('waiting'), sum('running'), sum('parked')];
  const slots = status.hosts.reduce((all, host) => all + host.slots, 0);
  const all = streams ?? [];
  const started = all.filter(({ state }) => state === 'started').length;
  const lag = all.reduce((sum, stream) => sum + (stream.waiting ?? 0), 0);
  const troubled = all.filter(isTroubled).length;
  return h('div', { class: 'figures', role: 'list' },
    rates(meter.all),
    figure('Queue', exactly(waiting), waiting === 1 ? 'task waits' : 'tasks wait', h('p', {}, many(status.tenants.length, 'tenant'))),
    figure('Slots', `${running} / ${slots}`, 'busy', h('div', { class: 'slots', 'aria-hidden': 'true' }, Array.from({ length: Math.min(slots, SHOWN_SLOTS) }, (_, index) => h('i', { class: index < running ? 'on' : '' })))),
    figure('Streams', `${started} / ${all.length}`, 'started', h('p', {}, troubled > 0 ? h('span', { class: 'bad-colour' }, `${troubled} in trouble, `) : null, `${many(lag, 'message')} waiting`)),
    figure('Failures', exactly(parked), parked === 1 ? 'task parked' : 'tasks parked', failures(stats?.all, all), parked > 0 ? 'bad' : ''));
}

/** Two figures that go on with time: what comes in, and what is stored. Of the platform, or of a tenant. */
export const rates = ({ rows, messages, documents }) => [
  ticking(() => {
    const at = now();
    const both = together(rows.rates(at), messages.rates(at)).slice(-60);
    return figure('Rows and messages', exactly(lately(at, rows, messages)), 'per second', spark(both, 'rows-colour'));
  }),
  ticking(() => {
    const at = now();
    return figure('Documents stored', exactly(lately(at, documents)), 'per second', spark(documents.rates(at).slice(-60).map(([, rate]) => rate), 'messages-colour'));
  }),
];

/** Dead letters of both kinds, each with the time that it is counted over. */
function failures(day, streams) {
  const ofStreams = streams.reduce((sum, { rejected, refused }) => sum + rejected + refused, 0);
  return h('p', { title: day ? `${many(day.deaths, 'death')} of workers in 24 hours` : null }, 'Dead letters: ', day ? `${count(day.dead_letters)} of files in 24 h, ` : null,
    `${count(ofStreams)} of streams since the start`);
}
