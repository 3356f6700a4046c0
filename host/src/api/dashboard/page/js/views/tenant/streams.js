// A tenant's streams: rate, latency, lag and consumers against the limits, and the switches.

import { get, post } from '../../api.js';
import { h } from '../../dom.js';
import { confirm } from '../../dialogs.js';
import { count, many } from '../../format.js';
import { badge, button, empty, label, waiting, when } from '../../parts/small.js';
import { attempt } from '../../toasts.js';
import { toTenant } from '../../router.js';
import { plots } from './plots.js';

const PAST = 300;
/** What was never said by hand has no time of its own. */
const isDated = (time) => Date.parse(time) > 0;

export class StreamsTab {
  constructor(page) {
    Object.assign(this, { page, asked: new Map() });
  }

  /** What was missed is read anew. */
  changed() {
    this.asked.clear();
  }

  render() {
    const { streams } = this.page.feed;
    if (!streams) return waiting(this.page.feed);
    if (streams.length === 0) return h('section', { class: 'card' }, empty('No stream', 'The configuration names streams: [tenants.NAME.streams.STREAM].'));
    return streams.map((stream) => this.#card(stream));
  }

  #card(stream) {
    this.#readPast(stream.stream);
    const dead = stream.rejected + stream.refused;
    return h('section', { class: 'card stream', key: stream.stream, 'data-stream': stream.stream },
      h('div', { class: 'line' },
        h('h2', {}, stream.stream), badge(stream.state), label(stream.app),
        h('span', { class: 'muted small' }, stream.reason, isDated(stream.since) ? [', ', when(stream.since)] : null),
        h('span', { class: 'spread' }), this.#switches(stream)),
      stream.trouble && stream.state === 'started' ? h('p', { class: 'notice warn' }, stream.trouble) : null,
      plots(stream, this.page.feed, this.asked.get(stream.stream) === 'read'),
      h('div', { class: 'line small muted' },
        h('span', {}, `${many(stream.messages, 'message')} since the hosts are up: ${count(stream.ingested)} ingested, ${count(stream.passed_over)} passed over, ${count(stream.rejected)} rejected; ${many(stream.stored, 'document')}`),
        dead > 0 ? h('a', { href: toTenant(stream.tenant, 'letters', { stream: stream.stream }) }, many(dead, 'dead letter')) : null,
        stream.errors > 0 ? h('span', {}, many(stream.errors, 'failure')) : null));
  }

  #switches({ tenant, stream, state, waiting }) {
    const { me } = this.page;
    const act = (deed, said) => attempt(() => post(['tenants', tenant, 'streams', stream, deed]), said).then(() => this.page.changed());
    const purge = async () => {
      const text = `${waiting === null ? 'All messages' : many(waiting, 'message')} waiting in the queue of ${stream} would be thrown away, for good.`;
      if (await confirm('Throw away what waits?', text, 'Throw away')) await act('purge', ({ purged }) => `${many(purged, 'message')} of ${stream} thrown away`);
    };
    return h('span', { class: 'actions' },
      state === 'started'
        ? button(me, 'Stop', () => act('stop', () => `${stream} is stopped; messages wait in its queue`), 'little', { key: 'switch', 'aria-label': `Stop ${stream}` })
        : button(me, 'Start', () => act('start', () => `${stream} is started`), 'little main', { key: 'switch', 'aria-label': `Start ${stream}` }),
      button(me, 'Purge', purge, 'little danger', { 'aria-label': `Purge ${stream}`, off: waiting === 0 }));
  }

  /** Windows of the time before this page was opened: read once for each stream. */
  #readPast(stream) {
    if (this.asked.has(stream)) return;
    this.asked.set(stream, 'asked');
    const { tenant, feed, redraw } = this.page;
    get(['tenants', tenant, 'streams', stream, 'windows'], { limit: PAST }).then((windows) => {
      feed.addWindows(tenant, stream, windows.map((window) => window.report ?? window));
      this.asked.set(stream, 'read');
      redraw();
    }, () => this.asked.set(stream, 'failed'));
  }
}
