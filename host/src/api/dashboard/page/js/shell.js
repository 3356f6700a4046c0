// What stands around every page: the bar above with where we are, whether it is live, theme, help, and the way out.

import { passing } from './clock.js';
import { h, ticking } from './dom.js';
import { clock } from './format.js';
import { icon } from './parts/icons.js';
import { tell } from './dialogs.js';
import { theme, turnTheme } from './theme.js';

/** The bar and the page below it. */
export function shell({ me, feed, crumb, redraw, leave }, ...content) {
  const turn = () => {
    turnTheme();
    redraw();
  };
  const home = me.scope === 'operator' ? '#/' : undefined;
  return [
    h('a', { class: 'skip', href: '#content', on: { click: skip } }, 'To the content'),
    h('header', { class: 'bar' }, h('div', { class: 'bar-in' },
      h('a', { class: 'brand', href: home, 'aria-label': 'mysimbdp: overview' }, h('img', { src: '/dashboard/icon.svg', alt: '' }), h('span', {}, 'mysimbdp')),
      crumb ? h('div', { class: 'crumb' }, h('span', { 'aria-hidden': 'true' }, '/'), h('strong', {}, crumb)) : null,
      h('span', { class: 'spread' }),
      h('span', { class: 'live', 'data-state': feed.isLive ? 'live' : 'waiting', role: 'status' }, h('i', {}), feed.isLive ? 'live' : feed.isLate ? 'reconnecting' : 'connecting'),
      me.read_only ? h('span', { class: 'badge plain' }, 'read only') : null,
      h('span', { class: 'muted small only-wide' }, me.open ? 'no tokens: everybody on this machine' : me.name),
      h('button', { class: 'button bare little', type: 'button', 'aria-label': `Theme: ${theme()}`, title: `Theme: ${theme()}`, on: { click: turn } }, icon(theme())),
      h('button', { class: 'button bare little only-wide', type: 'button', 'aria-label': 'Keys', title: 'Keys', on: { click: showKeys } }, icon('help')),
      me.open ? null : h('button', { class: 'button bare little', type: 'button', 'aria-label': 'Sign out', title: 'Sign out', on: { click: leave } }, icon('out')))),
    h('main', { id: 'content', tabindex: '-1', class: feed.isDown ? 'old' : '' }, feed.isDown ? silence(feed) : null, content),
    h('footer', { class: 'foot' }, `Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}; days of the bill are UTC.`, h('a', { href: '/docs' }, 'The API')),
  ];
}

/** That nothing is heard, and when it is tried again. */
function silence({ live, error }) {
  return ticking(() => {
    const at = passing();
    const since = live.lastWord === null ? 'The host does not answer' : `No word from the host since ${clock(live.lastWord, at)}: what is shown is of then`;
    const left = live.retryAt === null ? 0 : Math.ceil((live.retryAt - at) / 1000);
    const next = left > 0 ? `trying again in ${left} s` : 'trying again now';
    return h('p', { class: 'notice warn silence', key: '.silence', role: 'status' }, `${since}${error ? ` (${error.message})` : ''}, ${next}. `,
      h('button', { class: 'button little', type: 'button', on: { click: () => live.retry() } }, 'Try now'));
  });
}

function skip(event) {
  event.preventDefault();
  document.getElementById('content').focus();
}

/** Which keys there are. */
export function showKeys() {
  const keys = [['1 … 6', 'a tab of the tenant'], ['/', 'the filter'], ['o', 'the overview'], ['t', 'light, dark, or as the system has it'], ['← →', 'through time, on a chart'], ['?', 'this list']];
  return tell('Keys', h('dl', {}, keys.map(([key, what]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)])));
}
