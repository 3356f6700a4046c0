// Charts, drawn as SVG by hand: a stretched plot, with words beside it as HTML so that they are not stretched.
//
//   chart({ key, title, from, to, unit, limit, notes, series: [{ name, colour, points: [[time, value]], kind, now }] })
//
// `kind` is `area`, `line` or `step`; `now` is what is told as the present value where that is not the last point. A pointer over
// the plot (or the arrow keys on it) tells what was at that time.

import { h, s } from './dom.js';
import { clock, seconds } from './format.js';
import { within } from './series.js';

/** What plots are drawn on, before they are stretched. */
export const WIDTH = 600;
export const HEIGHT = 100;
const NICE = [1, 2, 4, 6, 8, 10];
/** A point is told for a time that is at most this part of the frame away from it. */
const NEAR = 0.04;

/** The least round number that is not below `value`, of which half is round too. */
export function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return NICE.find((nice) => nice * power >= value * 0.999) * power;
}

/** Where the pointer is, by chart: a fraction of the time shown. */
const pointed = new Map();
/** The chart on which an arrow key was pressed: what it tells is said aloud. */
let spoken = null;
let redraw = () => {};

/** What is called when a pointer has moved. */
export function whenPointed(action) {
  redraw = action;
}

/** A chart. See the module. */
export function chart({ key: own, title, from, to, series: all, limit, notes, unit, least = 0 }) {
  const series = all.map((one) => ({ ...one, visible: within(one.points, from, to, one.kind) }));
  const highest = Math.max(least, ...series.flatMap(({ visible }) => visible.map(([, value]) => value)));
  // A limit far above what happens would press everything to the ground: it is told, and not drawn.
  const isNear = limit && limit.value <= Math.max(highest * 4, least);
  const top = ceiling(isNear ? Math.max(highest, limit.value) : highest);
  const x = (time) => ((time - from) / (to - from)) * WIDTH;
  const y = (value) => HEIGHT - (Math.min(value, top) / top) * HEIGHT;
  const at = pointed.has(own) ? from + pointed.get(own) * (to - from) : null;
  const valueOf = ({ visible, now }) => (at === null ? now ?? visible.at(-1)?.[1] : nearest(visible, at, (to - from) * NEAR)) ?? null;
  const told = series.map((one) => [one, valueOf(one)]);
  const words = told.map(([{ name }, value]) => `${name} ${value === null ? 'none' : unit(value)}`).join(', ');
  if (spoken === own && at !== null) {
    spoken = null;
    document.getElementById('said').textContent = `${clock(at, to)}: ${words}`;
  }
  return h('figure', { class: 'chart', key: own },
    h('figcaption', { class: 'title' },
      h('b', {}, title),
      told.map(([{ name, colour }, value]) => key(colour, name, value === null ? '–' : unit(value))),
      limit ? key('limit limit-colour', 'limit', limit.text ?? unit(limit.value)) : null,
      at === null ? null : h('span', { class: 'muted' }, `${clock(at, to)}, ${seconds((to - at) / 1000)} ago`)),
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
      h('div', { class: 'times', 'aria-hidden': notes ? null : 'true' }, h('span', {}, `${seconds((to - from) / 1000)} ago`), notes ? h('span', { class: 'notes' }, notes) : null, h('span', {}, 'now'))));
}

/** A name beside its colour, and the number. */
export const key = (colour, name, number) => h('span', { class: 'key' }, h('i', { class: colour }), `${name} `, h('span', {}, number));

function drawn({ visible, colour, kind = 'line' }, x, y) {
  const pieces = unbroken(visible);
  const lines = pieces.map((piece) => outline(piece, x, y, kind));
  const fills = kind !== 'area' ? [] : pieces.map((piece, index) => `${lines[index]}L${round(x(piece.at(-1)[0]))} ${HEIGHT}L${round(x(piece[0][0]))} ${HEIGHT}Z`);
  return s('g', { class: colour }, fills.length > 0 ? s('path', { class: 'fill', d: fills.join('') }) : null,
    lines.length > 0 ? s('path', { class: 'stroke', d: lines.join('') }) : null);
}

/** Points up to where the line is broken, and from there. */
function unbroken(points) {
  const pieces = [[]];
  for (const point of points) {
    if (point[1] === null) pieces.push([]);
    else pieces.at(-1).push(point);
  }
  return pieces.filter((piece) => piece.length > 0);
}

function outline(points, x, y, kind) {
  const [first, ...rest] = points.map(([time, value]) => [round(x(time)), round(y(value))]);
  return `M${first[0]} ${first[1]}h0.1${rest.map(([left, up]) => (kind === 'step' ? `H${left}V${up}` : `L${left} ${up}`)).join('')}`;
}

/** To a tenth. */
export const round = (number) => Math.round(number * 10) / 10;

/** The value at a time: of the nearest point, or, far from any, on the way between two. Null where the line is not. */
function nearest(points, time, most) {
  const after = points.findIndex(([at]) => at >= time);
  const [left, right] = after < 0 ? [points.at(-1), undefined] : [points[after - 1], points[after]];
  const far = (point) => (point ? Math.abs(point[0] - time) : Infinity);
  const best = far(left) < far(right) ? left : right;
  if (far(best) <= most) return best[1];
  if (!left || !right || left[1] === null || right[1] === null) return null;
  return left[1] + ((right[1] - left[1]) * (time - left[0])) / (right[0] - left[0]);
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
      spoken = key;
      point((pointed.get(key) ?? 1) + step);
    },
  };
}
