// Files that are dropped anywhere on the page, or chosen by a button. A `.so` is an app; everything else is data for one. Of a
// folder, the files in it are taken.

import { h, show } from './dom.js';
import { icon } from './parts/icons.js';
import { submitFiles, uploadApp } from './submit.js';
import { bad } from './toasts.js';

/** Most files that are taken at once. */
const MOST = 1000;

/** Takes what is dropped for the tenant that `target()` names; where nothing can be dropped, that is `{ why }`. */
export function takeDrops(target) {
  const veil = h('div', { id: 'veil' });
  document.body.append(veil);
  let depth = 0;
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  const cover = () => {
    const place = depth > 0 ? target() : null;
    show(veil, place ? h('div', { class: `drop ${place.why ? 'no' : ''}` }, icon('drop'), h('strong', {}, place.why ? 'Nothing can be dropped here' : `Drop it for ${place.tenant}`),
      h('span', { class: 'muted' }, place.why ?? 'A .so becomes an app, any other file is submitted to one.')) : null);
  };
  const turn = (by) => (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = Math.max(0, depth + by);
    cover();
  };
  window.addEventListener('dragenter', turn(1));
  window.addEventListener('dragleave', turn(-1));
  window.addEventListener('dragover', (event) => {
    if (carries(event)) event.preventDefault();
  });
  window.addEventListener('drop', async (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    cover();
    const place = target();
    if (place.why) return bad(new Error(`Nothing was submitted: ${place.why}`));
    // What was dropped can be looked at only now: after the first pause it is gone.
    const found = [...event.dataTransfer.items].map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
    try {
      const files = await Promise.all(found.map(([entry, file]) => (entry?.isDirectory ? within(entry) : file ?? [])));
      take(place, files.flat());
    } catch (error) {
      bad(error);
    }
  });
}

/** All files of a folder and of those in it. */
async function within(folder, room = { left: MOST }) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const entry of entries) {
      if (entry.isDirectory) found.push(...(await within(entry, room)));
      else if (room.left-- > 0) found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
      else throw new Error(`the folder ${folder.name} has more than ${MOST} files: copy them into the inbox of an app instead`);
    }
  }
}

/** Hands files on: apps to the registry, data to an app. */
export function take(place, files) {
  if (files.length === 0) return bad(new Error('Nothing was submitted: there is no file in it.'));
  const empty = files.filter(({ size }) => size === 0).map(({ name }) => `${name} is empty: there is nothing in it to read`);
  const full = files.filter(({ size }) => size > 0);
  const isApp = ({ name }) => name.endsWith('.so');
  for (const app of full.filter(isApp)) uploadApp(place, app);
  const data = full.filter((file) => !isApp(file));
  if (data.length > 0 || empty.length > 0) submitFiles(place, data, empty);
}

/** A button that lets somebody choose files; the field for them is not seen, and only the button opens it. */
export function chooser({ label, accept, mark, rank = '', multiple = false }, chosen) {
  const change = (event) => {
    const files = [...event.currentTarget.files];
    event.currentTarget.value = '';
    if (files.length > 0) chosen(files);
  };
  const pick = (event) => event.currentTarget.nextElementSibling.click();
  return [
    h('button', { class: `button ${rank}`, type: 'button', key: `choose ${label}`, on: { click: pick } }, icon(mark), label),
    h('input', { type: 'file', class: 'unseen', tabindex: '-1', 'aria-hidden': 'true', 'aria-label': label, key: `file ${label}`, accept, multiple, on: { change } }),
  ];
}
