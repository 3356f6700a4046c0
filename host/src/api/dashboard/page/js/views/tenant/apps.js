// A tenant's apps: what is live, since when, what was there before, and the way back.

import { get, post, remove } from '../../api.js';
import { h } from '../../dom.js';
import { confirm } from '../../dialogs.js';
import { clock, short } from '../../format.js';
import { now } from '../../clock.js';
import { Resource } from '../../resource.js';
import { logList, merged } from '../../parts/log.js';
import { badge, button, empty, held, label, when } from '../../parts/small.js';
import { attempt } from '../../toasts.js';

export class AppsTab {
  constructor(page) {
    Object.assign(this, { page, histories: new Map() });
    const { tenant, redraw } = page;
    this.refused = new Resource(async () => merged([], await get(['logs'], { tenant, event: 'app_refused', limit: 10 }), 10), redraw);
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
    return [held(this.page.apps, (apps) => this.#cards(apps)), this.#refusals()];
  }

  #cards(apps) {
    if (apps.length === 0) return h('section', { class: 'card', key: '.empty' }, empty('No app yet', 'Drop a .so on this page, or copy it into staging. The plugin guide tells how to write one.'));
    return apps.map((app) => this.#card(app));
  }

  #refusals() {
    if (!this.refused.value?.length) return null;
    return h('section', { class: 'card', key: '.refused' }, h('header', {}, h('h2', {}, 'Refused lately')), logList(this.refused.value));
  }

  #card(app) {
    return h('section', { class: 'card', key: app.app, 'data-app': app.app },
      h('header', {}, h('h2', {}, app.app), badge(app.state), app.kinds.map((kind) => label(kind)), h('span', { class: 'spread' }), this.#retire(app)),
      this.#verdicts(app),
      h('dl', { class: 'facts' },
        fact('Generation', h('code', { title: app.generation }, short(app.generation))),
        fact('Version', app.version || 'none told'),
        fact('File', app.file),
        fact('Since', when(app.since))),
      app.kept.length > 1 ? h('div', { class: 'line generations' }, h('span', { class: 'muted small' }, 'Kept generations'), app.kept.map((kept) => this.#generation(app, kept))) : null,
      h('details', {}, h('summary', {}, 'History'), this.#told(app.app)));
  }

  /** What was said of the generation that is live, and of the last one that was refused after it. */
  #verdicts({ app, generation }) {
    const entries = this.#history(app).value ?? [];
    const accepted = entries.find((entry) => entry.generation === generation && entry.what !== 'refused');
    const refused = entries.find(({ what }) => what === 'refused');
    const isNewer = refused && !(Date.parse(refused.at) < Date.parse(accepted?.at));
    return [
      accepted ? h('p', { class: 'muted', key: '.verdict' }, accepted.sentence) : null,
      refused && isNewer ? h('p', { class: 'reason', key: '.refusal' }, h('strong', {}, 'Refused since, '), when(refused.at), `: ${refused.sentence}`) : null,
    ];
  }

  #retire({ app, state }) {
    if (state !== 'live') return null;
    const retire = async () => {
      const sure = await confirm(`Retire ${app}?`, 'What runs now comes to its end. Files that are dropped for it are refused, and its streams wait, until a build of it is uploaded or rolled back to.', 'Retire it');
      if (sure) await attempt(() => remove(['tenants', this.page.tenant, 'apps', app]), () => `${app} is retired`).then(() => this.page.changed());
    };
    return button(this.page.me, 'Retire', retire, 'little danger', { 'aria-label': `Retire ${app}` });
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
    return this.histories.get(app);
  }

  #told(app) {
    return held(this.#history(app), (entries) => h('ol', { class: 'rows small history' }, entries.map((entry, index) => h('li', { key: `${entry.at} ${index}` },
      h('div', { class: 'line' }, badge(entry.what), entry.generation ? h('code', { title: entry.generation }, short(entry.generation)) : null,
        h('span', { class: 'muted' }, [entry.version, entry.file].filter(Boolean).join(' · ')), h('span', { class: 'spread' }), h('time', { class: 'muted', datetime: entry.at, title: entry.at }, clock(entry.at, now()))),
      h('p', { class: entry.what === 'refused' ? 'reason' : 'muted' }, entry.sentence)))));
  }
}

const fact = (name, value) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value));
