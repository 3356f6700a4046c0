// Small drawings. Those that stand alone in a button leave the words to its label.

import { s } from '../dom.js';

const PATHS = {
  drop: 'M12 4v11m0 0 4-4m-4 4-4-4M4 17v2a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-2',
  app: 'M12 3 4.5 7.2v9.6L12 21l7.5-4.2V7.2L12 3Zm0 9 7.5-4.8M12 12v9m0-9L4.5 7.2',
  light: 'M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.4M4.9 19.1l1.4-1.4m0-11.4L4.9 4.9m14.2 14.2-1.4-1.4M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z',
  dark: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z',
  auto: 'M12 3a9 9 0 1 0 0 18V3Zm0 0a9 9 0 0 1 0 18',
  out: 'M14 8V5a1 1 0 0 0-1-1H5a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1v-3m-5-4h12m0 0-3-3m3 3-3 3',
  help: 'M9.2 9.2a2.9 2.9 0 1 1 4.3 2.5c-1 .6-1.5 1.1-1.5 2.3m0 3v.1M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z',
};

/** The drawing of this name. */
export function icon(name) {
  return s('svg', { class: 'mark', viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'stroke-width': '1.7', 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' },
    s('path', { d: PATHS[name] }));
}
