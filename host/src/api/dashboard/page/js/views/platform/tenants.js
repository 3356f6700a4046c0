// All tenants, those that do most first, or by a column that somebody chose.

import { now } from '../../clock.js';
import { h, ticking } from '../../dom.js';
import { bytes, count, group } from '../../format.js';
import { lately } from '../../meter.js';
import { badge, empty, reorder, steady } from '../../parts/small.js';
import { toTenant } from '../../router.js';
import { together } from '../../series.js';
import { spark } from '../../sparks.js';

const PAGE = 100;
const FEW = 8;
const COLUMNS = [
  ['Tenant', ({ tenant }) => tenant], ['Last 10 min', null], ['Now', ({ rate }) => rate], ['Waiting', ({ load }) => load.waiting],
  ['Running', ({ load }) => load.running], ['Parked', ({ load }) => load.parked], ['Apps', ({ apps }) => apps],
  ['Streams', ({ streams }) => streams.length], ['Kept', ({ stored_bytes: stored }) => stored],
];

export class TenantsTable {
  constructor(redraw) {
    Object.assign(this, { redraw, filter: '', by: null, isTurned: false, shown: PAGE });
  }

  /** The table. */
  render(feed) {
    const { status } = feed;
    const all = this.#rows(feed);
    const rows = steady('tenants', all, ({ tenant }) => tenant).slice(0, this.shown);
    const filter = (event) => this.#turn({ filter: event.target.value, shown: PAGE });
    const search = status.tenants.length > FEW
      ? h('input', { type: 'search', placeholder: 'Filter  ( / )', 'aria-label': 'Filter tenants', on: { input: filter } }) : null;
    return h('section', { class: 'card', key: 'tenants', 'data-steady': 'tenants' },
      h('header', {}, h('h2', {}, 'Tenants'), h('span', { class: 'muted small' }, group(status.tenants.length)), h('span', { class: 'spread' }), h('div', { class: 'filters' }, search)),
      status.tenants.length === 0 ? empty('No tenant yet', 'A folder below staging/ or a table [tenants.NAME] makes one.')
        : all.length === 0 ? empty('No tenant matches', `None has “${this.filter.trim()}” in its name.`) : this.#table(rows, feed.meter),
      all.length > rows.length ? h('div', { class: 'line more', key: '.more' },
        h('span', { class: 'muted small' }, `${rows.length} of ${group(all.length)}`),
        h('button', { class: 'button little', type: 'button', on: { click: () => this.#turn({ shown: this.shown + PAGE }) } }, `Show ${PAGE} more`),
        h('button', { class: 'button little', type: 'button', on: { click: () => this.#turn({ shown: Infinity }) } }, 'Show all')) : null);
  }

  #rows({ status, streams, meter }) {
    const at = now();
    const ofTenant = new Map();
    for (const stream of streams ?? []) {
      if (!ofTenant.has(stream.tenant)) ofTenant.set(stream.tenant, []);
      ofTenant.get(stream.tenant).push(stream);
    }
    const rows = status.tenants.filter(({ tenant }) => tenant.includes(this.filter.trim().toLowerCase())).map((line) => {
      const of = meter.tenants.get(line.tenant);
      return { ...line, rate: of ? lately(at, of.rows, of.messages) : 0, streams: ofTenant.get(line.tenant) ?? [] };
    });
    const weight = ({ load, rate }) => load.running * 1e6 + load.waiting + load.parked + (rate > 0 ? 1e3 : 0);
    const value = COLUMNS.find(([name]) => name === this.by)?.[1] ?? weight;
    // Names from the first, numbers from the largest; or the other way round.
    const order = (a, b) => (typeof a === 'string' ? a.localeCompare(b) : b - a) * (this.isTurned ? -1 : 1);
    return rows.sort((a, b) => order(value(a), value(b)) || a.tenant.localeCompare(b.tenant));
  }

  #table(rows, meter) {
    return h('table', { class: 'table' },
      h('caption', { class: 'unseen' }, 'Tenants and what they do'),
      h('thead', {}, h('tr', {}, COLUMNS.map(([name, value], index) => this.#head(name, value, index)))),
      h('tbody', {}, rows.map((row) => tenantRow(row, meter))));
  }

  #head(name, value, index) {
    const isChosen = this.by === name;
    const sort = () => this.#turn(isChosen ? (this.isTurned ? { by: null, isTurned: false } : { isTurned: true }) : { by: name, isTurned: false });
    const isRising = (name === 'Tenant') !== this.isTurned;
    return h('th', { class: index > 1 ? 'number' : '', scope: 'col', 'aria-sort': !isChosen ? null : isRising ? 'ascending' : 'descending', key: name },
      value ? h('button', { class: 'sort', type: 'button', 'aria-label': `Sort by ${name}`, on: { click: sort } }, name, !isChosen ? '' : isRising ? ' ↑' : ' ↓') : name);
  }

  #turn(change) {
    Object.assign(this, change);
    reorder('tenants');
    this.redraw();
  }
}

function tenantRow({ tenant, profile, enabled, apps, load, stored_bytes: stored, streams }, meter) {
  const started = streams.filter(({ state }) => state === 'started').length;
  const number = (name, value, tone = '') => h('td', { class: `number ${tone}`, 'data-name': name }, value);
  return h('tr', { key: tenant, 'data-tenant': tenant },
    h('td', {}, h('a', { class: 'strong', href: toTenant(tenant) }, tenant), ' ', h('span', { class: 'muted small' }, profile), ' ', enabled ? null : badge('suspended')),
    h('td', { class: 'only-wide' }, past(meter, tenant)),
    ticking(() => number('now', `${count(rateOf(meter, tenant))}/s`)),
    number('waiting', count(load.waiting)),
    number('running', count(load.running)),
    number('parked', count(load.parked), load.parked > 0 ? 'bad-colour' : ''),
    number('apps', count(apps)),
    number('streams', streams.length > 0 ? `${started}/${streams.length}` : '–'),
    number('kept', bytes(stored)));
}

function rateOf(meter, tenant) {
  const of = meter.tenants.get(tenant);
  return of ? lately(now(), of.rows, of.messages) : 0;
}

/** What it did in the last ten minutes; nothing for one that did nothing. */
function past(meter, tenant) {
  const of = meter.tenants.get(tenant);
  if (!of) return null;
  return ticking(() => {
    const at = now();
    return spark(together(of.rows.rates(at), of.messages.rates(at)), 'rows-colour');
  });
}
