// Short messages at the edge: what became of what somebody did. What went well goes by itself, though not while somebody points
// at it or has the focus in it; a failure stays until it is closed, and what is under way until it is over.

import { h } from './dom.js';

const STAYS = 6000;
/** Most messages of what went well. */
const MOST = 4;

/** Says that something went well, with more to see where `link` is given: `[address, words]`. */
export function good(text, link) {
  const toast = put('toast good', text, link ? h('a', { href: link[0] }, link[1]) : null);
  rest(toast);
  const all = document.querySelectorAll('#toasts > .good');
  for (const old of [...all].slice(0, Math.max(0, all.length - MOST))) old.remove();
}

/** Says why something was not done, in the words of the server. */
export function bad(error) {
  const request = error.request ? h('span', { class: 'muted small mono' }, `request ${error.request}`) : null;
  put('toast bad', error.message, request);
}

/** Says how several things went, of which some failed: `failures` are sentences. */
export function mixed(text, failures, link) {
  put('toast bad', text, [
    link ? h('a', { href: link[0] }, link[1]) : null,
    h('details', {}, h('summary', {}, 'Why'), h('ul', { class: 'rows small' }, failures.map((sentence) => h('li', {}, sentence)))),
  ]);
}

/** Says how far something is; answers `{ at(fraction), say(text), end() }`. */
export function progress(text) {
  const bar = h('progress', { max: '1', value: '0', 'aria-label': text });
  const toast = put('toast under-way', text, bar);
  return {
    at: (fraction) => bar.setAttribute('value', String(fraction)),
    say: (words) => toast.querySelector('p').replaceChildren(words),
    end: () => toast.remove(),
  };
}

function put(kind, text, more) {
  const close = () => toast.remove();
  const toast = h('div', { class: kind },
    h('div', { class: 'line' }, h('p', { class: 'spread' }, text), h('button', { class: 'button little bare', type: 'button', 'aria-label': 'Close', on: { click: close } }, '✕')),
    more);
  const all = document.getElementById('toasts');
  all.append(toast);
  all.scrollTop = all.scrollHeight;
  return toast;
}

/** It goes after a while in which nobody points at it or has the focus in it. */
function rest(toast) {
  const wait = () => setTimeout(() => (toast.matches(':hover, :focus-within') ? wait() : toast.remove()), STAYS);
  wait();
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
