// The life of the page: who is it, where are we, what is shown; and again whenever something has changed.

import { get, whenUnauthorized } from './api.js';
import { whenPointed } from './chart.js';
import { show } from './dom.js';
import { takeDrops } from './drop.js';
import { listenForKeys } from './keys.js';
import { route } from './router.js';
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
  document.title = page.crumb ? `${page.crumb} · mysimbdp` : 'mysimbdp';
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

whenPointed(redraw);
whenUnauthorized(() => {
  const wasIn = me !== null;
  keep(null);
  if (wasIn) ask('Your token is no longer valid: it has expired or was revoked.');
});
applyTheme();
window.addEventListener('hashchange', () => me && go());
listenForKeys(where, () => me, redraw);
takeDrops(() => (me && !me.read_only && page?.place ? page.place() : null));
setInterval(() => !document.hidden && redraw(), 1000);

const hadToken = token() !== null;
enter().catch((error) => ask(error.status === 401 ? (hadToken ? error.message : null) : error.message));
