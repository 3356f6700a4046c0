// What somebody should look at, each with the way there. It has its place where all is well, too: nothing moves when something comes.

import { h } from '../../dom.js';
import { count, many, seconds } from '../../format.js';
import { toTenant } from '../../router.js';

const MOST = 6;
/** Seconds that the oldest message of a stream may wait without a word about it; and windows. */
const LONG = 60;
const WINDOWS = 3;

/** A stream that does not do what it should: what holds up one that is stopped does not matter. */
export const isTroubled = ({ state, trouble }) => (state === 'started' && trouble) || state === 'paused' || state === 'deleted';

/** A stream that runs, and has been behind for long: messages come faster than it may, or can, take them. */
const isBehind = ({ state, trouble, waiting, oldest_seconds: oldest, limits }) =>
  state === 'started' && !trouble && waiting > 0 && oldest > Math.max(LONG, WINDOWS * (limits?.window_seconds ?? 0));

/** The list. */
export function attention({ status, streams }) {
  const found = [
    ...status.tenants.filter(({ load }) => load.parked > 0)
      .map(({ tenant, load }) => [tenant, `has ${many(load.parked, 'task')} parked`, toTenant(tenant, 'batches', { state: 'parked' })]),
    ...(streams ?? []).filter(isTroubled)
      .map(({ tenant, stream, state, trouble, reason }) => [`${tenant}/${stream}`, state === 'started' ? trouble : `is ${state}: ${reason}`, toTenant(tenant, 'streams')]),
    ...(streams ?? []).filter(isBehind)
      .map(({ tenant, stream, waiting, oldest_seconds: oldest }) => [`${tenant}/${stream}`, `is behind: ${count(waiting)} messages wait, the oldest for ${seconds(oldest)}`, toTenant(tenant, 'streams')]),
    ...status.tenants.filter(({ enabled }) => !enabled).map(({ tenant }) => [tenant, 'is suspended', toTenant(tenant)]),
  ];
  return h('section', { class: 'card', key: 'attention' },
    h('header', {}, h('h2', {}, 'Needs a look'), found.length > 0 ? h('span', { class: 'badge bad plain' }, String(found.length)) : null),
    found.length > 0 ? h('ul', { class: 'looks' }, found.slice(0, MOST).map(([who, what, address]) => h('li', { key: who + address }, h('a', { href: address }, who), ` ${what}`)))
      : h('p', { class: 'muted' }, 'Nothing: all is well.'),
    found.length > MOST ? h('p', { class: 'muted small' }, `and ${found.length - MOST} more`) : null);
}
