// The life of the page: who is it, where are we, what is shown; and again whenever something has changed.

import { get, whenShut } from './api.js';
import { whenPointed } from './chart.js';
import { show, tick } from './dom.js';
import { takeDrops } from './drop.js';
import { listenForKeys } from './keys.js';
import { route, TABS } from './router.js';
import { keep, token } from './session.js';
import { shell } from './shell.js';
import { applyTheme } from './theme.js';
import { PlatformPage } from './views/platform.js';
import { SignIn } from './views/signin.js';
import { TenantPage } from './views/tenant.js';

const root = document.getElementById('root');
let me = null;
let page = null;
let key = '';
let drawn = false;

function redraw() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    if (!page) return;
    show(root, page.isBare ? page.render() : shell({ me, feed: page.feed, crumb: page.crumb, redraw, leave }, page.render()));
    page.drawn?.();
  });
}

/** Where the address leads those who have signed in: a tenant's token knows its tenant alone. */
function where() {
  const wanted = route(location.hash);
  if (me?.scope === 'tenant' && wanted.tenant !== me.tenant) return { ...wanted, page: 'tenant', tenant: me.tenant, tab: 'now', query: {} };
  return wanted;
}

function go() {
  const wanted = where();
  const wantedKey = `${wanted.page} ${wanted.tenant ?? ''}`;
  if (wantedKey !== key) {
    page?.close();
    page = wanted.page === 'tenant' ? new TenantPage(me, wanted.tenant, redraw) : new PlatformPage(me, redraw);
    key = wantedKey;
    window.scrollTo(0, 0);
  }
  page.turn(wanted);
  const tab = TABS.find(([name]) => name === wanted.tab)?.[1];
  document.title = wanted.page === 'tenant' ? `${tab} · ${page.crumb} · mysimbdp` : 'Overview · mysimbdp';
  redraw();
}

function ask(sentence) {
  page?.close();
  [me, key] = [null, ''];
  page = new SignIn(sentence, enter, redraw);
  document.title = 'Sign in · mysimbdp';
  redraw();
}

function leave() {
  keep(null);
  ask(null);
}

async function enter(fresh) {
  if (fresh !== undefined) keep(fresh);
  me = await get(['me']);
  go();
}

whenPointed(() => tick(root));
whenShut(({ status, message }) => {
  const wasIn = me !== null;
  // The token of a suspended tenant is good again when that is over.
  if (status === 401) keep(null);
  if (wasIn) ask(status === 401 ? 'Your token is no longer valid: it has expired or was revoked.' : message);
});
applyTheme();
window.addEventListener('hashchange', () => me && go());
listenForKeys(where, () => me, redraw);
takeDrops(() => page?.place?.() ?? { why: me ? 'open the page of the tenant that it is for.' : 'sign in first.' });
setInterval(() => !document.hidden && tick(root), 1000);

const hadToken = token() !== null;
enter().catch((error) => ask(error.status === 401 ? (hadToken ? error.message : null) : error.message));
