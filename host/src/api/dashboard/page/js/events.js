// Events of the journal as people read them: `told(event, files)` is `{ tone, kind, text }`. `files` has the names of tasks' files,
// by number, as far as they are known. Pure.

import { bytes, count, many, seconds, short } from './format.js';

/** A sentence that begins with its subject needs it no second time. */
const about = (subject, sentence) => (String(sentence).startsWith(subject) ? sentence : `${subject}: ${sentence}`);

/** Their names, as long as those are few and known. */
function namesOf(tasks, files) {
  const names = tasks.map((task) => files.get(task));
  return names.length <= 3 && names.every(Boolean) ? names.join(', ') : many(tasks.length, 'file');
}

const WORDS = {
  started: (e) => ['good', 'host up', `mysimbdp ${e.version} is up${e.recovered ? `; ${many(e.recovered, 'task')} of its earlier life go on` : ''}`],
  stopped: (e) => ['', 'host down', `the host went down in good order; ${many(e.released, 'task')} went back into the queue`],
  app_live: (e) => ['good', 'app live', `${e.app}@${short(e.generation)}${e.version ? ` (${e.version})` : ''} is live: ${e.reason}`],
  app_refused: (e) => ['bad', 'app refused', about(e.file, e.reason)],
  app_retired: (e) => ['', 'app retired', `${e.app}@${short(e.generation)}: ${e.reason}`],
  batch_accepted: (e, files) => ['', 'batch accepted', `${namesOf(e.tasks, files)} for ${e.app} (${bytes(e.bytes)}): ${e.tasks.length === 1 ? 'task' : 'tasks'} ${e.tasks.join(', ')}`],
  batch_refused: (e) => ['bad', 'batch refused', `${e.app}: ${about((e.files ?? []).join(', '), e.reason)}`],
  task_began: (e, files) => ['busy', 'task began', `task ${e.task}${files.has(e.task) ? `, ${files.get(e.task)},` : ''} on ${e.app}@${short(e.generation)}`],
  task_ended: (e) => [ending(e.state), `task ${e.state}`, `task ${e.task}, ${e.file}: ${many(e.new_rows, 'row')}, ${many(e.new_documents, 'document')}${e.new_dead_letters ? `, ${many(e.new_dead_letters, 'dead letter')}` : ''} in ${seconds(e.slot_seconds)}${e.reason ? `: ${e.reason}` : ''}`],
  worker_died: (e) => ['bad', 'worker died', e.sentence],
  app_log: (e) => [level(e.level), `log ${e.level}`, `${e.app}, task ${e.task}: ${e.message}`],
  stream_changed: (e) => [e.state === 'started' ? 'good' : e.state === 'stopped' ? '' : 'warn', `stream ${e.state}`, `${e.stream}: ${e.reason}`],
  stream_window: (e) => ['', 'window', `${e.stream}: ${many(e.report.messages, 'message')}, ${many(e.report.stored, 'document')}${e.report.rejected ? `, ${many(e.report.rejected, 'dead letter')}` : ''}, p99 ${seconds(e.report.times.p99)}, ${count(e.report.lag.waiting)} waiting`],
  stream_scaled: (e) => ['busy', 'stream scaled', `${e.stream}: ${e.from} → ${many(e.to, 'consumer')}: ${e.reason}`],
  stream_breach: (e) => ['warn', 'limit broken', e.sentence],
  stream_interrupted: (e) => ['warn', 'interrupted', `${e.stream}: ${e.reason}`],
  stream_worker_died: (e) => ['bad', 'worker died', e.sentence],
  stream_log: (e) => [level(e.level), `log ${e.level}`, `${e.app}, ${e.stream}: ${e.message}`],
  deed: (e) => ['busy', 'by hand', e.sentence],
  request: (e) => [e.status < 400 ? 'busy' : 'warn', 'request', `${e.by}: ${e.method} ${e.path} → ${e.status}`],
  limit_reached: (e) => ['warn', 'limit reached', e.reason],
  trouble: (e) => ['bad', 'trouble', e.reason],
  trouble_over: (e) => ['good', 'trouble over', e.reason],
  lost: (e) => ['bad', 'lost', e.reason],
  skipped: (e) => ['warn', 'skipped', e.reason],
};

const NONE = new Map();
const ending = (state) => ({ done: 'good', parked: 'bad', partial: 'warn', waiting: 'warn' })[state] ?? '';
const level = (name) => ({ error: 'bad', warn: 'warn' })[name] ?? '';

/** An event in words. One that is not known is shown as it came. */
export function told(event, files = NONE) {
  const words = WORDS[event.event];
  try {
    const [tone, kind, text] = words(event, files);
    return { tone, kind, text };
  } catch {
    const { at: _at, tenant: _tenant, event: kind, ...rest } = event;
    return { tone: '', kind: String(kind), text: JSON.stringify(rest) };
  }
}

/** Kinds of events that somebody may want to see together. */
export const GROUPS = [
  ['all', 'Everything', Object.keys(WORDS).filter((kind) => kind !== 'stream_window')],
  ['tasks', 'Tasks', ['batch_accepted', 'batch_refused', 'task_began', 'task_ended', 'worker_died']],
  ['streams', 'Streams', ['stream_changed', 'stream_scaled', 'stream_breach', 'stream_interrupted', 'stream_worker_died']],
  ['windows', 'Windows', ['stream_window']],
  ['apps', 'Apps', ['app_live', 'app_refused', 'app_retired']],
  ['words', 'What apps say', ['app_log', 'stream_log']],
  ['trouble', 'Trouble', ['app_refused', 'batch_refused', 'worker_died', 'stream_breach', 'stream_interrupted', 'stream_worker_died', 'limit_reached', 'trouble', 'trouble_over', 'lost']],
  ['deeds', 'By hand', ['deed', 'request']],
];

/** Kinds of events that say the same thing over and over, with other numbers. */
export const REPEATS = ['stream_breach', 'stream_interrupted', 'limit_reached', 'batch_refused', 'trouble'];

/** Whether there may be other dead letters after it. */
export const concernsLetters = (event) =>
  event.event === 'task_ended' || event.event === 'deed' || (event.event === 'stream_window' && event.report.rejected + event.report.refused > 0);
