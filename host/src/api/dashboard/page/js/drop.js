// Files that are dropped anywhere on the page, or chosen by a button. A `.so` is an app; everything else is data for one.

import { h, show } from './dom.js';
import { icon } from './parts/icons.js';
import { submitFiles, uploadApp } from './submit.js';

/** Takes what is dropped for the tenant that `target()` names; `null` where nothing can be dropped. */
export function takeDrops(target) {
  const veil = h('div', { id: 'veil' });
  document.body.append(veil);
  let depth = 0;
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  const cover = () => {
    const place = depth > 0 ? target() : null;
    show(veil, place ? h('div', { class: 'drop' }, icon('drop'), h('strong', {}, `Drop it for ${place.tenant}`),
      h('span', { class: 'muted' }, 'A .so becomes an app, any other file is submitted to one.')) : null);
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
  window.addEventListener('drop', (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    cover();
    const place = target();
    if (place) take(place, [...event.dataTransfer.files]);
  });
}

/** Hands files on: apps to the registry, data to an app. */
export function take(place, files) {
  const apps = files.filter((file) => file.name.endsWith('.so'));
  const data = files.filter((file) => !file.name.endsWith('.so'));
  for (const app of apps) uploadApp(place, app);
  if (data.length > 0) submitFiles(place, data);
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
