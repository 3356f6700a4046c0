// A tenant's apps: what is live, since when, what was there before, and the way back.

import { get, post } from '../../api.js';
import { h } from '../../dom.js';
import { confirm } from '../../dialogs.js';
import { clock, short } from '../../format.js';
import { now } from '../../clock.js';
import { Resource } from '../../resource.js';
import { logList, keyed } from '../../parts/log.js';
import { badge, button, empty, label, pending, when } from '../../parts/small.js';
import { attempt } from '../../toasts.js';

export class AppsTab {
  constructor(page) {
    Object.assign(this, { page, histories: new Map() });
    this.refused = new Resource(() => get(['logs'], { tenant: page.tenant, event: 'app_refused', limit: 10 }), page.redraw);
  }

  close() {
    this.refused.close();
    for (const history of this.histories.values()) history.close();
  }

  heard(event) {
    if (event.event.startsWith('app_') && event.event !== 'app_log') this.changed();
  }

  changed() {
    this.refused.refresh();
    for (const history of this.histories.values()) history.refresh();
  }

  render() {
    const { apps } = this.page;
    const waits = pending(apps);
    if (waits) return waits;
    const refused = this.refused.value?.length
      ? h('section', { class: 'card', key: '.refused' }, h('header', {}, h('h2', {}, 'Refused lately')), logList(keyed([...this.refused.value].reverse()))) : null;
    if (apps.value.length === 0) return [h('section', { class: 'card', key: '.empty' }, empty('No app yet', 'Drop a .so on this page, or copy it into staging. The plugin guide tells how to write one.')), refused];
    return [apps.value.map((app) => this.#card(app)), refused];
  }

  #card(app) {
    return h('section', { class: 'card', key: app.app, 'data-app': app.app },
      h('header', {}, h('h2', {}, app.app), badge(app.state), app.kinds.map((kind) => label(kind))),
      h('dl', { class: 'facts' },
        fact('Generation', h('code', { title: app.generation }, short(app.generation))),
        fact('Version', app.version || 'none told'),
        fact('File', app.file),
        fact('Since', when(app.since))),
      app.kept.length > 1 ? h('div', { class: 'line generations' }, h('span', { class: 'muted small' }, 'Kept generations'), app.kept.map((kept) => this.#generation(app, kept))) : null,
      h('details', { on: { toggle: (event) => event.currentTarget.open && this.#history(app.app) } }, h('summary', {}, 'History'), this.#told(app.app)));
  }

  #generation(app, kept) {
    if (kept === app.generation && app.state === 'live') return h('span', { class: 'badge good', key: kept }, `${short(kept)} live`);
    const back = async () => {
      const sure = await confirm(`Roll ${app.app} back?`, `New tasks and messages run on generation ${short(kept)}; what runs now ends on its own generation.`, 'Roll back');
      if (sure) await attempt(() => post(['tenants', this.page.tenant, 'apps', app.app, 'rollback'], { to: kept }), () => `${app.app} is rolled back to ${short(kept)}`).then(() => this.page.changed());
    };
    return button(this.page.me, `Roll back to ${short(kept)}`, back) ?? h('span', { class: 'badge plain', key: kept }, short(kept));
  }

  #history(app) {
    const { tenant, redraw } = this.page;
    if (!this.histories.has(app)) this.histories.set(app, new Resource(() => get(['tenants', tenant, 'apps', app, 'history']), redraw));
  }

  #told(app) {
    const history = this.histories.get(app);
    if (!history) return null;
    return pending(history) ?? h('ol', { class: 'rows small history' }, history.value.map((entry, index) => h('li', { key: `${entry.at} ${index}` },
      h('div', { class: 'line' }, badge(entry.what), entry.generation ? h('code', { title: entry.generation }, short(entry.generation)) : null,
        h('span', { class: 'muted' }, [entry.version, entry.file].filter(Boolean).join(' · ')), h('span', { class: 'spread' }), h('time', { class: 'muted', datetime: entry.at, title: entry.at }, clock(entry.at, now()))),
      h('p', { class: entry.what === 'refused' ? 'reason' : 'muted' }, entry.sentence))));
  }
}

const fact = (name, value) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value));
