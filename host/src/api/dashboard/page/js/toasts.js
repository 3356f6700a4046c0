// Short messages at the edge: what became of what somebody did. They go by themselves; a failure stays until it is closed.

import { h } from './dom.js';

const STAYS = 6000;
const MOST = 5;

/** Says that something went well, with more to see where `link` is given: `[address, words]`. */
export function good(text, link) {
  const toast = put('toast', text, link ? h('a', { href: link[0] }, link[1]) : null);
  setTimeout(() => toast.remove(), STAYS);
}

/** Says why something was not done, in the words of the server. */
export function bad(error) {
  const request = error.request ? h('span', { class: 'muted small mono' }, `request ${error.request}`) : null;
  put('toast bad', error.message, request);
}

/** Says how far something is; answers `{ at(fraction), end() }`. */
export function progress(text) {
  const bar = h('progress', { max: '1', value: '0', 'aria-label': text });
  const toast = put('toast', text, bar);
  return { at: (fraction) => bar.setAttribute('value', String(fraction)), end: () => toast.remove() };
}

function put(kind, text, more) {
  const close = () => toast.remove();
  const toast = h('div', { class: kind },
    h('div', { class: 'line' }, h('p', { class: 'spread' }, text), h('button', { class: 'button little bare', type: 'button', 'aria-label': 'Close', on: { click: close } }, '✕')),
    more);
  const all = document.getElementById('toasts');
  all.append(toast);
  while (all.children.length > MOST) all.firstChild.remove();
  return toast;
}

/** Does something and tells what became of it. Answers whether it went well. */
export async function attempt(action, done) {
  try {
    const answer = await action();
    const said = done(answer);
    if (said) good(...[said].flat(1));
    return true;
  } catch (error) {
    bad(error);
    return false;
  }
}
