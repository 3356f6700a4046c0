// The four charts of a stream, over the last five minutes, drawn from its windows.

import { chart } from '../../chart.js';
import { now } from '../../clock.js';
import { h } from '../../dom.js';
import { count, seconds } from '../../format.js';
import { isUnlimited } from '../../json.js';
import { points } from '../../series.js';

const SPAN = 300_000;
const perSecond = (rate) => `${count(rate)}/s`;

/** The charts. */
export function plots(stream, windows) {
  const to = now();
  const frame = { from: to - SPAN, to };
  const one = (name, title, series, more) => chart({ key: `${stream.tenant}/${stream.stream} ${name}`, title, series, ...frame, ...more });
  const [, most] = stream.bounds;
  return h('div', { class: 'plots' },
    one('rate', 'Rate', [{ name: 'messages', colour: 'messages-colour', kind: 'area', points: points(windows, (window) => window.messages / window.seconds, 0) }],
      { unit: perSecond, limit: rateLimit(stream), least: 1 }),
    one('latency', 'Time in the app', [
      { name: 'p99', colour: 'p99-colour', points: points(windows.filter(({ times }) => times.count > 0), ({ times }) => times.p99, null) },
      { name: 'p50', colour: 'p50-colour', points: points(windows.filter(({ times }) => times.count > 0), ({ times }) => times.p50, null) },
    ], { unit: seconds, least: 1e-6 }),
    one('lag', 'Messages waiting', [{ name: 'waiting', colour: 'lag-colour', kind: 'area', points: points(windows, ({ lag }) => lag.waiting, 0) }], { unit: count, least: 4 }),
    one('consumers', 'Consumers', [{ name: 'consumers', colour: 'rows-colour', kind: 'step', points: points(windows, ({ consumers }) => consumers) }],
      { unit: count, limit: { value: most, text: String(most) }, least: 4 }));
}

function rateLimit({ limits }) {
  if (!limits || isUnlimited(limits.messages_per_window)) return null;
  const value = limits.messages_per_window / limits.window_seconds;
  return { value, text: `${count(limits.messages_per_window)} in ${seconds(limits.window_seconds)}` };
}
