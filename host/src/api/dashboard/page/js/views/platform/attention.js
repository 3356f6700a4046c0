// What somebody should look at, each with the way there. Nothing is shown where all is well.

import { h } from '../../dom.js';
import { many } from '../../format.js';
import { toTenant } from '../../router.js';

const MOST = 6;

/** A stream that does not do what it should: what holds up one that is stopped does not matter. */
export const isTroubled = ({ state, trouble }) => (state === 'started' && trouble) || state === 'paused' || state === 'deleted';

/** The list. */
export function attention({ status, streams }) {
  const found = [
    ...status.tenants.filter(({ load }) => load.parked > 0)
      .map(({ tenant, load }) => [tenant, `has ${many(load.parked, 'task')} parked`, toTenant(tenant, 'batches', { state: 'parked' }), 'bad']),
    ...(streams ?? []).filter(isTroubled)
      .map(({ tenant, stream, state, trouble, reason }) => [`${tenant}/${stream}`, state === 'started' ? trouble : `is ${state}: ${reason}`, toTenant(tenant, 'streams'), 'warn']),
    ...status.tenants.filter(({ enabled }) => !enabled).map(({ tenant }) => [tenant, 'is suspended', toTenant(tenant), 'warn']),
  ];
  if (found.length === 0) return null;
  return h('section', { class: 'card', key: 'attention' },
    h('header', {}, h('h2', {}, 'Needs a look'), h('span', { class: 'badge bad plain' }, String(found.length))),
    h('ul', { class: 'looks' }, found.slice(0, MOST).map(([who, what, address]) => h('li', { key: who + what }, h('a', { href: address }, who), ` ${what}`))),
    found.length > MOST ? h('p', { class: 'muted small' }, `and ${found.length - MOST} more`) : null);
}
