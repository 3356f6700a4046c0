// One task on one line: how far it is, what came of it, what can be done with it.

import { h } from '../dom.js';
import { badge, button, reason, when } from './small.js';
import { bytes, clock, many, seconds, short, visible } from '../format.js';
import { now } from '../clock.js';
import { post } from '../api.js';
import { confirm } from '../dialogs.js';
import { attempt } from '../toasts.js';
import { toTenant } from '../router.js';

const TONES = { done: 'good', partial: 'warn', parked: 'bad', cancelled: 'idle', waiting: 'idle', running: '' };

/** What is counted of it so far. */
export const counts = (task) => (task.running ?? task.checkpoint).counts;

/** How far it is, from 0 to 1. */
export function fraction(task) {
  if (task.state === 'done') return 1;
  const position = task.running?.position ?? task.checkpoint.settled.row.end;
  return task.file.bytes > 0 ? Math.min(1, position / task.file.bytes) : 0;
}

/** The line. `place`: `{ me, meter, changed, withTenant }`. */
export function taskLine(task, place) {
  const { rows, documents } = counts(task);
  const part = fraction(task);
  const dead = rows.rejected + documents.refused;
  const name = `${task.file.name}, task ${task.number}`;
  return h('li', { class: 'task', key: task.number, 'data-task': task.number },
    h('div', { class: 'line' },
      place.withTenant ? h('a', { class: 'strong', href: toTenant(task.tenant) }, task.tenant) : null,
      h('bdi', { class: 'name' }, visible(task.file.name)),
      h('span', { class: 'muted small' }, `task ${task.number} · ${task.app} · ${bytes(task.file.bytes)}`),
      h('span', { class: 'spread' }),
      badge(task.state),
      actions(task, dead, place)),
    h('progress', { class: TONES[task.state], max: '1', value: part.toFixed(4), 'aria-label': `${name}: ${Math.round(part * 100)} %` }),
    h('div', { class: 'line small muted' },
      h('span', {}, progressWords(task, part, place.meter)),
      h('span', { class: 'spread' }),
      h('span', {}, `${many(rows.read, 'row')} · ${many(documents.stored, 'document')}`),
      dead > 0 ? h('a', { href: toTenant(task.tenant, 'letters', { task: task.number }), class: 'nowrap' }, many(dead, 'dead letter')) : null),
    task.reason ? reason(task.reason, task.state === 'waiting' ? 'calm' : '') : null);
}

function progressWords(task, part, meter) {
  if (task.state === 'running') {
    const speed = meter?.speed(task.number);
    const left = speed > 0 ? ` · ${bytes(speed)}/s · ${seconds((task.file.bytes * (1 - part)) / speed)} left` : '';
    return `${Math.floor(part * 100)} %${left}${task.running?.deaths ? ` · ${many(task.running.deaths, 'death')}` : ''}`;
  }
  const generation = task.generation ? ` on ${short(task.generation)}` : '';
  if (task.state === 'waiting') {
    const again = task.attempts > 0 ? `attempt ${task.attempts + 1}, ` : '';
    const later = Date.parse(task.not_before) > now();
    return [again, later ? h('span', { title: task.not_before }, `not before ${clock(task.not_before, now())}, `) : null, 'came ', when(task.enqueued_at)];
  }
  const took = task.begun_at && task.ended_at ? (Date.parse(task.ended_at) - Date.parse(task.begun_at)) / 1000 : null;
  return [`${took === null ? '' : `in ${seconds(took)}${generation}, `}`, when(task.ended_at ?? task.enqueued_at)];
}

function actions(task, dead, { me, changed }) {
  const act = (parts, body, said) => attempt(() => post(parts, body), said).then(changed);
  const number = String(task.number);
  const cancel = async () => {
    if (await confirm('Cancel this task?', `${task.file.name} is read no further. Documents that are stored already stay.`, 'Cancel the task')) {
      await act(['tasks', number, 'cancel'], undefined, () => `task ${number} is cancelled`);
    }
  };
  const isOpen = task.state === 'waiting' || task.state === 'running';
  const isLeft = ['parked', 'partial', 'cancelled'].includes(task.state);
  const replays = typeof task.work === 'object' && 'replay_rows' in task.work;
  return h('span', { class: 'actions' },
    isLeft ? button(me, 'Retry', () => act(['tasks', number, 'retry'], undefined, () => `task ${number} is back in the queue`), 'little', { 'aria-label': `Retry task ${number}` }) : null,
    isOpen && !task.cancel ? button(me, 'Cancel', cancel, 'little', { 'aria-label': `Cancel task ${number}` }) : null,
    !isOpen && dead > 0 && !replays ? button(me, 'Replay dead rows', () => act(['tasks', number, 'replay'], { rows: [] }, ({ task: replay, rows }) => `${many(rows, 'row')} of task ${number} run again as task ${replay}`), 'little', { 'aria-label': `Replay dead rows of task ${number}` }) : null);
}

/** Tasks of one batch stand together, the newest batch first: `[batch, tasks]`. */
export function byBatch(tasks) {
  const batches = new Map();
  for (const task of tasks) {
    if (!batches.has(task.batch)) batches.set(task.batch, []);
    batches.get(task.batch).push(task);
  }
  return [...batches].map(([batch, own]) => [batch, own.sort((a, b) => a.number - b.number)]);
}

/** A batch in one sentence. */
export function batchWords(tasks) {
  const { origin, app } = tasks[0];
  const from = { inbox: 'from the inbox', submitted: 'submitted', replay: 'a replay' }[origin] ?? origin;
  return `${many(tasks.length, 'file')} for ${app}, ${from}: ${tasks.filter(({ state }) => state === 'done').length} of ${tasks.length} done`;
}
