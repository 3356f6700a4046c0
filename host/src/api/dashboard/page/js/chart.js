// Charts, drawn as SVG by hand: a stretched plot, with words beside it as HTML so that they are not stretched.
//
//   chart({ key, title, from, to, unit, limit, series: [{ name, colour, points: [[time, value]], kind }] })
//
// `kind` is `area`, `line` or `step`. A pointer over the plot (or the arrow keys on it) tells what was at that time.

import { h, s } from './dom.js';
import { seconds } from './format.js';

const WIDTH = 600;
const HEIGHT = 100;
const NICE = [1, 2, 4, 6, 8, 10];

/** The least round number that is not below `value`, of which half is round too. */
export function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return NICE.find((nice) => nice * power >= value * 0.999) * power;
}

/** Where the pointer is, by chart: a fraction of the time shown. */
const pointed = new Map();
let redraw = () => {};

/** What is called when a pointer has moved. */
export function whenPointed(action) {
  redraw = action;
}

/** A chart. See the module. */
export function chart({ key: own, title, from, to, series, limit, unit, least = 0 }) {
  const highest = Math.max(least, ...series.flatMap(({ points }) => points.map(([, value]) => value)));
  // A limit far above what happens would press everything to the ground: it is told, and not drawn.
  const isNear = limit && limit.value <= Math.max(highest * 4, least);
  const top = ceiling(isNear ? Math.max(highest, limit.value) : highest);
  const x = (time) => ((time - from) / (to - from)) * WIDTH;
  const y = (value) => HEIGHT - (Math.min(value, top) / top) * HEIGHT;
  const at = pointed.has(own) ? from + pointed.get(own) * (to - from) : null;
  const told = series.map((one) => [one, at === null ? one.points.at(-1) : nearest(one.points, at)]);
  const words = told.map(([{ name }, point]) => `${name} ${point && point[1] !== null ? unit(point[1]) : 'none'}`).join(', ');

  return h('figure', { class: 'chart', key: own },
    h('figcaption', { class: 'title' },
      h('b', {}, title),
      told.map(([{ name, colour }, point]) => key(colour, name, point && point[1] !== null ? unit(point[1]) : '–')),
      limit ? key('limit limit-colour', 'limit', limit.text ?? unit(limit.value)) : null,
      at === null ? null : h('span', { class: 'muted' }, `${seconds((to - at) / 1000)} ago`)),
    h('div', { class: 'field' },
      h('div', { class: 'scale', 'aria-hidden': 'true' }, [top, top / 2, 0].map((tick) => h('span', {}, unit(tick)))),
      s('svg', {
        class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', tabindex: '0', role: 'img',
        'aria-label': `${title}: ${words}. Arrow keys go through time.`, on: pointing(own),
      },
      [0, 0.5, 1].map((part) => s('line', { class: 'grid', x1: 0, x2: WIDTH, y1: part * HEIGHT, y2: part * HEIGHT })),
      series.map((one) => drawn(one, x, y)),
      isNear ? s('line', { class: 'limit', x1: 0, x2: WIDTH, y1: y(limit.value), y2: y(limit.value) }) : null,
      at === null ? null : s('line', { class: 'cross', x1: x(at), x2: x(at), y1: 0, y2: HEIGHT })),
      h('div', { class: 'times', 'aria-hidden': 'true' }, h('span', {}, `${seconds((to - from) / 1000)} ago`), h('span', {}, 'now'))));
}

/** A name beside its colour, and the number. */
const key = (colour, name, number) => h('span', { class: 'key' }, h('i', { class: colour }), `${name} `, h('span', {}, number));

function drawn({ points, colour, kind = 'line' }, x, y) {
  const visible = points.filter(([time]) => x(time) > -WIDTH * 0.1 && x(time) <= WIDTH);
  if (visible.length === 0) return s('g', {});
  const line = outline(visible, x, y, kind);
  const last = x(visible.at(-1)[0]);
  const fill = kind === 'area' ? s('path', { class: 'fill', d: `${line}L${round(last)} ${HEIGHT}L${round(x(visible[0][0]))} ${HEIGHT}Z` }) : null;
  return s('g', { class: colour }, fill, s('path', { class: 'stroke', d: line }));
}

function outline(points, x, y, kind) {
  let path = '';
  let isBroken = true;
  for (const [time, value] of points) {
    const [left, up] = [round(Math.max(0, x(time))), round(y(value ?? 0))];
    if (value === null) isBroken = true;
    else if (isBroken) {
      path += `M${left} ${up}h0.1`;
      isBroken = false;
    } else if (kind === 'step') path += `H${left}V${up}`;
    else path += `L${left} ${up}`;
  }
  return path;
}

const round = (number) => Math.round(number * 10) / 10;

function nearest(points, time) {
  return points.reduce((best, point) => (best === undefined || Math.abs(point[0] - time) < Math.abs(best[0] - time) ? point : best), undefined);
}

function pointing(key) {
  const point = (fraction) => {
    if (fraction === null) pointed.delete(key);
    else pointed.set(key, Math.min(1, Math.max(0, fraction)));
    redraw();
  };
  return {
    pointermove: (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      point((event.clientX - box.left) / box.width);
    },
    pointerleave: () => point(null),
    blur: () => point(null),
    keydown: (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
      if (!step) return;
      event.preventDefault();
      point((pointed.get(key) ?? 1) + step);
    },
  };
}

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
