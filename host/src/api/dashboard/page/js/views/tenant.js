// A tenant's page: its head, its tabs, and the tab that is open.

import { get, getAll } from '../api.js';
import { h } from '../dom.js';
import { chooser, take } from '../drop.js';
import { concernsLetters } from '../events.js';
import { Feed } from '../feed.js';
import { count } from '../format.js';
import { Resource } from '../resource.js';
import { badge, label } from '../parts/small.js';
import { TABS, toTenant } from '../router.js';
import { AppsTab } from './tenant/apps.js';
import { BatchesTab } from './tenant/batches.js';
import { LettersTab } from './tenant/letters.js';
import { LogTab } from './tenant/log.js';
import { NowTab } from './tenant/now.js';
import { StreamsTab } from './tenant/streams.js';

const VIEWS = { now: NowTab, apps: AppsTab, batches: BatchesTab, streams: StreamsTab, letters: LettersTab, log: LogTab };
const OF_APPS = (event) => event.event.startsWith('app_') && event.event !== 'app_log';

export class TenantPage {
  constructor(me, tenant, redraw) {
    Object.assign(this, { asker: me, tenant, redraw, crumb: tenant, tab: null, name: null });
    this.feed = new Feed(tenant, redraw);
    this.apps = new Resource(() => getAll(['apps'], { tenant }), redraw);
    this.letters = new Resource(() => get(['tenants', tenant, 'dead-letters'], { limit: 1 }), redraw);
    this.feed.whenEvent((event) => {
      if (OF_APPS(event)) this.apps.refresh();
      if (concernsLetters(event)) this.letters.refresh();
      this.tab?.heard?.(event);
    });
    this.feed.whenBack(() => this.changed());
  }

  /** How it is listed, or nothing as long as that is not known. */
  get line() {
    return this.feed.status?.tenants.find(({ tenant }) => tenant === this.tenant);
  }

  get isSuspended() {
    return this.line?.enabled === false;
  }

  /** Who asks. Of a tenant that is suspended, everybody may only read. */
  get me() {
    return this.isSuspended ? { ...this.asker, read_only: true } : this.asker;
  }

  close() {
    this.tab?.close?.();
    this.feed.close();
    this.apps.close();
    this.letters.close();
  }

  /** Opens the tab that the address names. */
  turn({ tab, query }) {
    const name = `${tab} ${JSON.stringify(query)}`;
    if (name === this.name) return;
    this.tab?.close?.();
    this.name = name;
    this.open = tab;
    this.isTurned = true;
    this.tab = new VIEWS[tab](this, query);
  }

  /** It is on the page: on a phone, the tab that is open may be beyond the edge. */
  drawn() {
    if (!this.isTurned) return;
    this.isTurned = false;
    document.querySelector('.tabs [aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' });
  }

  /** Where what is dropped goes, and what is done after; or why it goes nowhere. */
  place() {
    if (this.asker.read_only) return { why: 'this token may only read.' };
    if (this.isSuspended) return { why: `tenant ${this.tenant} is suspended: nothing is accepted.` };
    if (this.feed.error?.status === 404) return { why: `there is no tenant ${this.tenant}.` };
    return { tenant: this.tenant, changed: () => this.changed() };
  }

  /** Something was done by hand: what may have changed is read anew. */
  changed() {
    this.apps.refresh();
    this.letters.refresh();
    this.tab?.changed?.();
  }

  render() {
    const { line } = this;
    if (this.feed.error?.status === 404) return this.#none();
    return [
      h('div', { class: 'head' },
        h('h1', {}, this.tenant),
        line ? label(line.profile) : null,
        this.isSuspended ? badge('suspended') : null,
        line && !this.me.read_only ? h('div', { class: 'actions' }, this.buttons()) : null),
      this.isSuspended ? h('p', { class: 'notice warn', key: '.suspended' }, h('strong', {}, 'Suspended: nothing is accepted and nothing runs. '), 'What is there stays as it is, until an operator ends the suspension.') : null,
      this.#tabs(line),
      h('div', { class: 'tab', key: this.open }, this.tab.render()),
    ];
  }

  /** There is no such tenant (any more). */
  #none() {
    return h('section', { class: 'card' }, h('div', { class: 'empty' },
      h('h1', {}, `There is no tenant ${this.tenant}`),
      h('p', { role: 'alert' }, this.feed.error.message),
      this.asker.scope === 'operator' ? h('p', {}, h('a', { href: '#/' }, 'Back to the overview')) : null));
  }

  /** The two buttons by which files get here without being dropped. */
  buttons() {
    const handOn = (files) => take(this.place(), files);
    return [
      chooser({ label: 'Upload app', accept: '.so', mark: 'app' }, handOn),
      chooser({ label: 'Submit files', mark: 'drop', rank: 'main', multiple: true }, handOn),
    ];
  }

  #tabs(line) {
    const parked = line?.load.parked ?? 0;
    const open = line ? line.load.waiting + line.load.running : 0;
    const counts = {
      apps: [this.apps.value?.length, ''],
      batches: [parked || open, parked ? 'bad' : ''],
      streams: [this.feed.streams?.length, ''],
      letters: [this.letters.value?.count, 'bad'],
    };
    return h('nav', { class: 'tabs', 'aria-label': `Pages of ${this.tenant}` }, TABS.map(([name, words]) => {
      const [number, tone] = counts[name] ?? [];
      return h('a', { href: toTenant(this.tenant, name), 'aria-current': this.open === name ? 'page' : null, key: name }, words, number ? h('span', { class: `count ${tone}` }, count(number)) : null);
    }));
  }
}
