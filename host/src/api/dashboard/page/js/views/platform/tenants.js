// All tenants, those that do most first.

import { spark } from '../../chart.js';
import { now } from '../../clock.js';
import { h } from '../../dom.js';
import { bytes, count } from '../../format.js';
import { badge, empty } from '../../parts/small.js';
import { toTenant } from '../../router.js';
import { together } from '../../series.js';

const MOST = 100;
const FEW = 8;

/** The table. `filter` is a part of a name; `refilter` is told another one. */
export function tenantsTable({ status, streams, meter }, filter, refilter) {
  const at = now();
  const rows = status.tenants.filter(({ tenant }) => tenant.includes(filter.trim().toLowerCase())).map((line) => {
    const of = meter.tenants.get(line.tenant);
    const rates = of ? together(of.rows.rates(at), of.messages.rates(at)) : [];
    return { ...line, rates, rate: of ? of.rows.lately(at, 2) + of.messages.lately(at, 2) : 0, streams: (streams ?? []).filter(({ tenant }) => tenant === line.tenant) };
  });
  const weight = ({ load, rates }) => load.running * 1e6 + load.waiting + load.parked + (rates.some((rate) => rate > 0) ? 1e3 : 0);
  rows.sort((a, b) => weight(b) - weight(a) || a.tenant.localeCompare(b.tenant));
  const search = status.tenants.length > FEW
    ? h('input', { type: 'search', placeholder: 'Filter', 'aria-label': 'Filter tenants', on: { input: (event) => refilter(event.target.value) } }) : null;
  return h('section', { class: 'card', key: 'tenants' },
    h('header', {}, h('h2', {}, 'Tenants'), h('span', { class: 'muted small' }, String(status.tenants.length)), h('span', { class: 'spread' }), h('div', { class: 'filters' }, search)),
    rows.length === 0 ? empty('No tenant yet', 'A folder below staging/ or a table [tenants.NAME] makes one.') : h('table', { class: 'table' },
      h('thead', {}, h('tr', {}, ['Tenant', 'Last 10 min', 'Now', 'Waiting', 'Running', 'Parked', 'Apps', 'Streams', 'Kept'].map((name, index) => h('th', { class: index > 1 ? 'number' : '', scope: 'col' }, name)))),
      h('tbody', {}, rows.slice(0, MOST).map(tenantRow))),
    rows.length > MOST ? h('p', { class: 'muted small' }, `and ${rows.length - MOST} more: use the filter`) : null);
}

function tenantRow({ tenant, profile, enabled, apps, load, stored_bytes: stored, rates, rate, streams }) {
  const started = streams.filter(({ state }) => state === 'started').length;
  const number = (name, value, tone = '') => h('td', { class: `number ${tone}`, 'data-name': name }, value);
  return h('tr', { key: tenant, 'data-tenant': tenant },
    h('td', {}, h('a', { class: 'strong', href: toTenant(tenant) }, tenant), ' ', h('span', { class: 'muted small' }, profile), ' ', enabled ? null : badge('suspended')),
    h('td', { class: 'only-wide' }, rates.length > 0 ? spark(rates, 'rows-colour') : null),
    number('now', `${count(rate)}/s`),
    number('waiting', count(load.waiting)),
    number('running', count(load.running)),
    number('parked', count(load.parked), load.parked > 0 ? 'bad-colour' : ''),
    number('apps', count(apps)),
    number('streams', streams.length > 0 ? `${started}/${streams.length}` : '–'),
    number('kept', bytes(stored)));
}
