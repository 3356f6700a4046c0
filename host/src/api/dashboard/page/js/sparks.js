// Drawings that stand still: a line as small as a word, and bars.

import { ceiling, HEIGHT, key, round, WIDTH } from './chart.js';
import { h, s } from './dom.js';

/** A line as small as a word: `values`, oldest first. */
export function spark(values, colour) {
  const top = Math.max(...values, 1e-9);
  const last = Math.max(1, values.length - 1);
  const line = values.map((value, index) => `${index === 0 ? 'M' : 'L'}${round((index / last) * 100)} ${round(29 - (value / top) * 27)}`).join('');
  return s('svg', { class: `spark ${colour}`, viewBox: '0 0 100 30', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('path', { class: 'fill', d: `${line}L100 30L0 30Z` }), s('path', { class: 'stroke', d: line }));
}

/** Bars: `[label, value]`, oldest first. */
export function bars({ title, values, colour, unit }) {
  const top = ceiling(Math.max(0, ...values.map(([, value]) => value)));
  const width = WIDTH / Math.max(1, values.length);
  const sum = values.reduce((all, [, value]) => all + value, 0);
  return h('figure', { class: 'chart', key: title },
    h('figcaption', { class: 'title' }, h('b', {}, title), key(colour, 'together', unit(sum))),
    h('div', { class: 'field' },
      h('div', { class: 'scale', 'aria-hidden': 'true' }, [top, top / 2, 0].map((tick) => h('span', {}, unit(tick)))),
      s('svg', { class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}: ${values.map(([label, value]) => `${label} ${unit(value)}`).join(', ')}` },
        [0, 0.5, 1].map((part) => s('line', { class: 'grid', x1: 0, x2: WIDTH, y1: part * HEIGHT, y2: part * HEIGHT })),
        s('g', { class: colour }, values.map(([label, value], index) => {
          const high = value > 0 ? Math.max(1, (value / top) * HEIGHT) : 0;
          return s('rect', { x: round(index * width + width * 0.15), y: round(HEIGHT - high), width: round(width * 0.7), height: round(high) }, s('title', {}, `${label}: ${unit(value)}`));
        }))),
      h('div', { class: 'times', 'aria-hidden': 'true' }, h('span', {}, values[0]?.[0] ?? ''), h('span', {}, values.at(-1)?.[0] ?? ''))));
}
