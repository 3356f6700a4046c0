// Submitting files and apps, and telling what became of them.

import { h } from './dom.js';
import { choose, tell } from './dialogs.js';
import { bad, good, mixed, progress } from './toasts.js';
import { many, short } from './format.js';
import { send } from './upload.js';
import { getAll } from './api.js';
import { toTenant } from './router.js';

/** Submits data files to an app of the tenant; asks which, where there are several. `passed` are sentences about files that cannot be sent. */
export async function submitFiles({ tenant, changed }, files, passed = []) {
  if (files.length === 0) return tellAll(tenant, null, [], passed);
  let app;
  try {
    app = await appFor(tenant, files);
  } catch (error) {
    bad(error);
    return;
  }
  if (!app) return;
  const [answers, failures] = [[], [...passed]];
  const toast = progress(`Sending ${files[0].name} to ${app}`);
  for (const [index, file] of files.entries()) {
    if (files.length > 1) toast.say(`Sending ${file.name} to ${app}, ${index + 1} of ${files.length}`);
    try {
      const at = (fraction) => toast.at((index + fraction) / files.length);
      answers.push([file.name, await send(['tenants', tenant, 'apps', app, 'files'], { name: file.name }, file, at)]);
    } catch (error) {
      failures.push(files.length === 1 ? error : about(file.name, error.message));
    }
  }
  toast.end();
  tellAll(tenant, app, answers, failures);
  changed();
}

/** One drop, one word about it. */
function tellAll(tenant, app, answers, failures) {
  const watch = [toTenant(tenant, 'batches'), 'Watch it'];
  const [[name, answer] = []] = answers;
  if (failures.length > 1 || (failures.length === 1 && answers.length > 0)) {
    mixed(`${answers.length} submitted, ${failures.length} refused`, failures.map((one) => one.message ?? one), answers.length > 0 ? watch : null);
  } else if (failures.length === 1) bad(failures[0].message ? failures[0] : new Error(failures[0]));
  else if (answers.length === 1) good(`${name} is in the queue of ${app} as task ${answer.tasks.join(', ')}`, watch);
  else good(`${many(answers.length, 'file')} are in the queue of ${app}`, watch);
}

const about = (name, sentence) => (sentence.includes(name) ? sentence : `${name}: ${sentence}`);

async function appFor(tenant, files) {
  const apps = (await getAll(['apps'], { tenant })).filter((app) => app.tenant === tenant && app.state === 'live' && app.kinds.includes('batch'));
  if (apps.length === 0) throw new Error(`tenant ${tenant} has no app that reads files: upload its .so first`);
  if (apps.length === 1) return apps[0].app;
  const what = files.length === 1 ? files[0].name : many(files.length, 'file');
  return choose('Which app reads it?', what, apps.map((app) => [app.app, app.app, app.version || short(app.generation)]));
}

/** Uploads a `.so` and shows the verdict. */
export async function uploadApp({ tenant, changed }, file) {
  const verdict = await sent(`Sending ${file.name}`, ['tenants', tenant, 'apps'], {}, file);
  if (!verdict) return;
  changed();
  const isLive = verdict.verdict !== 'refused';
  await tell(isLive ? 'The app is live' : 'The app is refused',
    h('p', { class: `notice ${isLive ? 'calm' : ''}` }, verdict.sentence),
    verdict.findings?.length ? h('ul', { class: 'rows small' }, verdict.findings.map(({ severity, sentence, mend }) => h('li', {}, h('strong', {}, `${severity}: `), mend ? `${sentence}: ${mend}` : sentence))) : null);
}

async function sent(words, parts, query, file) {
  const toast = progress(words);
  try {
    return await send(parts, query, file, toast.at);
  } catch (error) {
    bad(error);
    return null;
  } finally {
    toast.end();
  }
}
