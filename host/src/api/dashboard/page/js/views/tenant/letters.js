// Dead letters: the raw row, why it is one, and the button that runs it again.

import { get, post } from '../../api.js';
import { h } from '../../dom.js';
import { confirm } from '../../dialogs.js';
import { clock, bytes, many, visible } from '../../format.js';
import { now } from '../../clock.js';
import { Resource } from '../../resource.js';
import { raw } from '../../parts/raw.js';
import { button, empty, held, reason } from '../../parts/small.js';
import { concernsLetters } from '../../events.js';
import { attempt } from '../../toasts.js';
import { toTenant } from '../../router.js';

const PAGE = 25;
/** So many more by each click, and so many that the server reads at once. */
const MORE = 100;
const MOST = 500;

export class LettersTab {
  constructor(page, { task, stream, app }) {
    Object.assign(this, { page, only: { task, stream, app }, limit: PAGE, older: [], after: null, counts: new Map() });
    this.letters = new Resource(() => this.#read(null, this.limit), page.redraw);
  }

  close() {
    this.letters.close();
    for (const count of this.counts.values()) count.close();
  }

  heard(event) {
    // A page that somebody reads is not taken from under their eyes: that there are more is said above it.
    if (concernsLetters(event) && this.limit === PAGE) this.#refresh();
  }

  /** After a deed of one's own, and when the connection is back. */
  changed() {
    this.#refresh();
  }

  render() {
    return h('section', { class: 'card' },
      h('header', {}, h('h2', {}, 'Dead letters'), h('span', { class: 'spread' }), this.letters.value ? h('span', { class: 'muted small' }, `${many(this.letters.value.count, 'letter')} in all`) : null,
        h('div', { class: 'filters' }, this.#filters())),
      held(this.letters, () => this.#list()));
  }

  #read(after, limit) {
    return get(['tenants', this.page.tenant, 'dead-letters'], { ...this.only, after, limit });
  }

  #refresh() {
    Object.assign(this, { older: [], after: null });
    this.letters.refresh();
    for (const count of this.counts.values()) count.refresh();
  }

  #filters() {
    const turn = (name) => (event) => {
      const only = Object.entries({ ...this.only, [name]: event.target.value.trim() }).filter(([, value]) => value);
      location.hash = toTenant(this.page.tenant, 'letters', Object.fromEntries(only));
    };
    const choice = (name, words, all) => h('select', { 'aria-label': words, key: name, on: { change: turn(name) } },
      ['', ...new Set([...all, this.only[name]].filter(Boolean))].map((one) => h('option', { value: one, selected: one === (this.only[name] ?? '') }, one || `every ${name}`)));
    return [
      choice('stream', 'Of a stream', (this.page.feed.streams ?? []).map(({ stream }) => stream)),
      choice('app', 'Of an app', (this.page.apps.value ?? []).map(({ app }) => app)),
      h('input', { type: 'search', inputmode: 'numeric', pattern: '[0-9]*', class: 'narrow', placeholder: 'Task', 'aria-label': 'Of a task', value: this.only.task ?? '', key: `task ${this.only.task ?? ''}`, on: { change: turn('task') } }),
      Object.values(this.only).some(Boolean) ? h('a', { class: 'small', href: toTenant(this.page.tenant, 'letters') }, 'Show all') : null,
    ];
  }

  #list() {
    const { letters, next, count } = this.letters.value;
    const all = [...letters, ...this.older];
    const last = this.older.length > 0 ? this.after : next;
    if (all.length === 0) return empty(Object.values(this.only).some(Boolean) ? 'No dead letters of these' : 'No dead letters', 'Rows and messages that an app rejects, or that kill it, are kept here.');
    return [
      this.#news(),
      groups(all, sourceOf).map(([key, own]) => this.#group(key, own)),
      last && all.length < count ? button({}, 'More', () => this.#more(last), '', { key: 'more' }) : null,
    ];
  }

  /** That there are others since this was read. */
  #news() {
    const [there, then] = [this.page.letters.value?.count, this.letters.value.count];
    if (Object.values(this.only).some(Boolean) || there === undefined || there === then || this.letters.busy) return null;
    const words = there > then ? `${there - then} new` : `${then - there} fewer`;
    return h('p', { class: 'line', key: '.news', role: 'status' }, h('span', { class: 'muted' }, words), button({}, 'Show them', () => this.#refresh(), 'little'));
  }

  async #more(last) {
    await attempt(async () => {
      if (this.limit < MOST) {
        this.limit = Math.min(MOST, this.limit + MORE);
        this.letters.refresh();
        return;
      }
      const page = await this.#read(last.join('.'), MORE);
      this.older.push(...page.letters);
      this.after = page.letters.length > 0 ? page.next : null;
      this.page.redraw();
    }, () => null);
  }

  #group(key, letters) {
    const { stream, task, source, app } = letters[0];
    return h('section', { key, class: 'group' },
      h('div', { class: 'line' },
        h('h3', {}, h('bdi', {}, visible(source))), h('span', { class: 'muted small' }, stream !== undefined ? `stream · ${app}` : `task ${task} · ${app}`), h('span', { class: 'spread' }),
        stream !== undefined ? this.#ofStream(stream) : this.#ofTask(task, source)),
      groups(letters, ({ reason: why }) => why).map(([why, own]) => this.#sameReason(why, own)));
  }

  /** Letters of one reason: it is told once. */
  #sameReason(why, letters) {
    if (letters.length === 1) return h('ul', { class: 'rows', key: why }, this.#letter(letters[0], true));
    return h('div', { class: 'same', key: why },
      h('div', { class: 'line' }, h('span', { class: 'badge plain' }, many(letters.length, 'letter')), reason(why)),
      h('ul', { class: 'rows' }, letters.map((letter) => this.#letter(letter, false))));
  }

  #letter(letter, withReason) {
    return h('li', { class: 'letter', key: keyOf(letter), 'data-letter': keyOf(letter) },
      h('div', { class: 'line' },
        h('span', { class: 'name' }, place(letter)),
        h('span', { class: 'muted small' }, [letter.line ? `line ${letter.line}` : null, bytes(letter.bytes), clock(letter.at, now())].filter(Boolean).join(' · ')),
        h('span', { class: 'spread' }), this.#again(letter)),
      withReason ? reason(letter.reason) : null,
      raw(letter));
  }

  #again(letter) {
    const { task, row, part, stream } = letter;
    if (part !== 0) return null;
    if (stream !== undefined) return button(this.page.me, 'Replay', () => this.#replayStream(stream, [keyOf(letter)]), 'little', { 'aria-label': `Replay ${place(letter)} of ${stream}` });
    return row === null ? null : button(this.page.me, 'Replay', () => this.#replay(task, [row]), 'little', { 'aria-label': `Replay row ${row} of task ${task}` });
  }

  #ofTask(task, source) {
    const all = async () => {
      const { count } = await get(['tenants', this.page.tenant, 'dead-letters'], { task, limit: 1 });
      if (await confirm('Run them all again?', `All dead rows of ${visible(source)} (task ${task}, ${many(count, 'dead letter')}) run again on the build that is live.`, 'Replay them')) await this.#replay(task, []);
    };
    return button(this.page.me, 'Replay all of this file', () => attempt(all, () => null), 'little', { 'aria-label': `Replay all of task ${task}` });
  }

  #ofStream(stream) {
    if (this.page.me.read_only) return null;
    if (!this.counts.has(stream)) {
      this.counts.set(stream, new Resource(() => get(['tenants', this.page.tenant, 'dead-letters'], { stream, limit: 1 }), this.page.redraw));
    }
    const count = this.counts.get(stream).value?.count;
    const words = count === undefined ? 'Replay all of this stream' : `Replay all ${many(count, 'letter')} of this stream`;
    const all = async () => {
      const sure = await confirm('Put them all back?', `${count === undefined ? 'All messages' : `${many(count, 'message')}`} of ${stream} that are dead letters go back into its queue, and are read again.`, 'Put them back');
      if (sure) await this.#replayStream(stream);
    };
    return button(this.page.me, words, all, 'little', { key: `all of ${stream}`, 'aria-label': `${words.replace('this stream', stream)}` });
  }

  #replay(task, rows) {
    return attempt(() => post(['tasks', String(task), 'replay'], { rows }),
      ({ task: replay, rows: number }) => [`${many(number, 'row')} of task ${task} run again as task ${replay}`, [toTenant(this.page.tenant, 'batches'), 'Watch it']])
      .then(() => this.page.changed());
  }

  /** Some messages, by their keys; all where none is named. */
  #replayStream(stream, letters) {
    return attempt(() => post(['tenants', this.page.tenant, 'streams', stream, 'replay'], letters ? { letters } : undefined),
      ({ messages, cut }) => `${many(messages, 'message')} of ${stream} put back into its queue${cut ? `; ${cut} were kept only in part and stay` : ''}`)
      .then(() => this.page.changed());
  }
}

/** A letter's place among all, as the API says it. */
const keyOf = ({ task, row, part }) => `${task}.${row ?? 0}.${part}`;

function place({ row, part, stream, message_id: id }) {
  const whose = stream !== undefined ? (id ? `message ${visible(id)}` : 'a message without id') : row === null ? 'outside of any row' : `row ${row}`;
  return part > 0 ? `${whose}, document ${part}` : whose;
}

/** Letters of one file or stream stand together. */
const sourceOf = ({ stream, task }) => (stream !== undefined ? `stream ${stream}` : `task ${task}`);

function groups(letters, nameOf) {
  const found = new Map();
  for (const letter of letters) {
    const name = nameOf(letter);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(letter);
  }
  return [...found];
}
