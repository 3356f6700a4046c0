// Dead letters: the raw row, why it is one, and the button that runs it again.

import { get, post } from '../../api.js';
import { h } from '../../dom.js';
import { bytes, clock, many } from '../../format.js';
import { now } from '../../clock.js';
import { Resource } from '../../resource.js';
import { button, empty, pending } from '../../parts/small.js';
import { concernsLetters } from '../../events.js';
import { attempt } from '../../toasts.js';
import { toTenant } from '../../router.js';

const PAGE = 25;

export class LettersTab {
  constructor(page, { task, stream, app }) {
    Object.assign(this, { page, only: { task, stream, app }, older: [], after: null });
    this.letters = new Resource(() => this.#read(null), page.redraw);
  }

  close() {
    this.letters.close();
  }

  heard(event) {
    if (concernsLetters(event)) this.changed();
  }

  changed() {
    // A page that somebody reads is not taken from under their eyes.
    if (this.older.length === 0) this.letters.refresh();
  }

  render() {
    return h('section', { class: 'card' },
      h('header', {}, h('h2', {}, 'Dead letters'), this.#which(), h('span', { class: 'spread' }), this.letters.value ? h('span', { class: 'muted small' }, `${many(this.letters.value.count, 'letter')} in all`) : null),
      pending(this.letters) ?? this.#list());
  }

  #read(after) {
    return get(['tenants', this.page.tenant, 'dead-letters'], { ...this.only, after, limit: PAGE });
  }

  #which() {
    const said = Object.entries(this.only).filter(([, value]) => value).map(([name, value]) => `${name} ${value}`);
    if (said.length === 0) return null;
    return h('span', { class: 'line' }, h('span', { class: 'badge plain' }, `of ${said.join(', ')}`), h('a', { class: 'small', href: toTenant(this.page.tenant, 'letters') }, 'Show all'));
  }

  #list() {
    const { letters, next } = this.letters.value;
    const all = [...letters, ...this.older];
    if (all.length === 0) return empty('No dead letters', 'Rows and messages that an app rejects, or that kill it, are kept here.');
    const last = this.older.length > 0 ? this.after : next;
    return [
      groups(all).map(([key, own]) => this.#group(key, own)),
      last && all.length < this.letters.value.count ? h('button', { class: 'button', type: 'button', key: 'more', on: { click: () => this.#more(last) } }, 'More') : null,
    ];
  }

  async #more(last) {
    await attempt(async () => {
      const page = await this.#read(last.join('.'));
      this.older.push(...page.letters);
      this.after = page.letters.length > 0 ? page.next : null;
      this.page.redraw();
    }, () => null);
  }

  #group(key, letters) {
    const { stream, task, source, app } = letters[0];
    const all = stream !== undefined
      ? button(this.page.me, 'Replay all of this stream', () => this.#replayStream(stream))
      : button(this.page.me, 'Replay all of this file', () => this.#replay(task, []));
    return h('section', { key, class: 'group' },
      h('div', { class: 'line' },
        h('h3', {}, source), h('span', { class: 'muted small' }, stream !== undefined ? `stream · ${app}` : `task ${task} · ${app}`), h('span', { class: 'spread' }), all),
      h('ul', { class: 'rows' }, letters.map((letter) => this.#letter(letter))));
  }

  #letter(letter) {
    const { task, row, part, stream } = letter;
    const one = row !== null && stream === undefined && part === 0
      ? button(this.page.me, 'Replay', () => this.#replay(task, [row]), 'little', { 'aria-label': `Replay row ${row} of task ${task}` }) : null;
    return h('li', { class: 'letter', key: `${task}.${row}.${part}`, 'data-letter': `${task}.${row}.${part}` },
      h('div', { class: 'line' },
        h('span', { class: 'name' }, place(letter)),
        h('span', { class: 'muted small' }, [letter.line ? `line ${letter.line}` : null, bytes(letter.bytes), clock(letter.at, now())].filter(Boolean).join(' · ')),
        h('span', { class: 'spread' }), one),
      h('p', { class: 'reason' }, letter.reason),
      raw(letter));
  }

  #replay(task, rows) {
    return attempt(() => post(['tasks', String(task), 'replay'], { rows }),
      ({ task: replay, rows: number }) => [`${many(number, 'row')} of task ${task} run again as task ${replay}`, [toTenant(this.page.tenant, 'batches'), 'Watch it']])
      .then(() => this.page.changed());
  }

  #replayStream(stream) {
    return attempt(() => post(['tenants', this.page.tenant, 'streams', stream, 'replay']),
      ({ messages, cut }) => `${many(messages, 'message')} of ${stream} put back into its queue${cut ? `; ${cut} were kept only in part and stay` : ''}`)
      .then(() => this.page.changed());
  }
}

function place({ row, part, stream, message_id: id }) {
  const whose = stream !== undefined ? (id ? `message ${id}` : 'a message without id') : row === null ? 'outside of any row' : `row ${row}`;
  return part > 0 ? `${whose}, document ${part}` : whose;
}

function raw({ text, base64, bytes: length }) {
  const shown = text ?? base64 ?? '';
  const isCut = text !== null && new TextEncoder().encode(shown).length < length;
  return h('pre', { tabindex: '0', 'aria-label': 'The raw row' }, shown, isCut ? h('span', { class: 'muted' }, '…') : null, text === null ? h('span', { class: 'muted' }, '  (base64: it is no UTF-8)') : null);
}

/** Letters of one file or stream stand together. */
function groups(letters) {
  const found = new Map();
  for (const letter of letters) {
    const key = letter.stream !== undefined ? `stream ${letter.stream}` : `task ${letter.task}`;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(letter);
  }
  return [...found];
}
