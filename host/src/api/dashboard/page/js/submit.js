// Submitting files and apps, and telling what became of them.

import { h } from './dom.js';
import { choose, tell } from './dialogs.js';
import { bad, good, progress } from './toasts.js';
import { many, short } from './format.js';
import { send } from './upload.js';
import { getAll } from './api.js';
import { toTenant } from './router.js';

/** Submits data files to an app of the tenant; asks which, where there are several. */
export async function submitFiles({ tenant, changed }, files) {
  let app;
  try {
    app = await appFor(tenant, files);
  } catch (error) {
    bad(error);
    return;
  }
  if (!app) return;
  await Promise.all(files.map(async (file) => {
    const answer = await sent(`Sending ${file.name} to ${app}`, ['tenants', tenant, 'apps', app, 'files'], { name: file.name }, file);
    if (answer) good(`${file.name} is in the queue of ${app} as task ${answer.tasks.join(', ')}`, [toTenant(tenant, 'batches'), 'Watch it']);
  }));
  changed();
}

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
