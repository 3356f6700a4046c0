// Keys for those who would rather not point. They rest while somebody types or a dialog is open.

import { TABS, toTenant } from './router.js';
import { showKeys } from './shell.js';
import { turnTheme } from './theme.js';

/** Listens for them. `where()` is the route, `me()` who has signed in (or null). */
export function listenForKeys(where, me, redraw) {
  window.addEventListener('keydown', (event) => {
    const typing = event.target.closest?.('input, select, textarea, dialog');
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !me()) return;
    const { page, tenant } = where();
    const tab = TABS[Number(event.key) - 1];
    if (page === 'tenant' && tab) location.hash = toTenant(tenant, tab[0]);
    else if (event.key === 'o' && me().scope === 'operator') location.hash = '#/';
    else if (event.key === '?') showKeys();
    else if (event.key === 't') {
      turnTheme();
      redraw();
    } else if (event.key === '/') {
      const filter = document.querySelector('input[type="search"]');
      if (!filter) return;
      event.preventDefault();
      filter.focus();
    }
  });
}
