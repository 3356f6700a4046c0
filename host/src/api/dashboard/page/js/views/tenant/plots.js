// The four charts of a stream, over the last five minutes, drawn from its windows.

import { chart } from '../../chart.js';
import { now } from '../../clock.js';
import { h, ticking } from '../../dom.js';
import { bytes, count, seconds } from '../../format.js';
import { isUnlimited } from '../../json.js';
import { lately } from '../../meter.js';
import { filled, points } from '../../series.js';

const SPAN = 300_000;
const perSecond = (rate) => `${count(rate)}/s`;

/** The charts. `feed` knows the windows; `isWhole` as soon as those of the past are among them. */
export function plots(stream, feed, isWhole) {
  const one = (name, title, draw) => ticking(() => {
    const to = now();
    const [from, windows] = [to - SPAN, feed.windowsOf(stream.tenant, stream.stream)];
    return chart({ key: `${stream.tenant}/${stream.stream} ${name}`, title, from, to, ...draw(windows, from, to) });
  });
  // A window may be cut short, when a stream ends: its messages came in no less time for that.
  const length = stream.limits?.window_seconds ?? 0;
  const lasting = (window) => Math.max(window.seconds, length);
  const known = (drawn, from, to, before, value) => (isWhole ? filled(drawn, from, to, before, value, Math.max(1, length)) : drawn);
  const [, most] = stream.bounds;
  return h('div', { class: 'plots' },
    one('rate', 'Rate', (windows, from, to) => ({
      series: [{ name: 'messages', colour: 'messages-colour', kind: 'area', now: nowOf(feed, stream, to), points: known(points(windows, (window) => window.messages / lasting(window), 0, length), from, to, 0, 0) }],
      unit: perSecond, ...rateLimit(stream), least: 1,
    })),
    one('latency', 'Time in the app', (windows) => {
      const busy = windows.filter(({ times }) => times.count > 0);
      const line = (name) => ({ name, colour: `${name}-colour`, points: points(busy, ({ times }) => times[name], null, length) });
      return { series: [line('p99'), line('p50')], unit: seconds, least: 1e-6 };
    }),
    one('lag', 'Messages waiting', (windows, from, to) => ({
      series: [{ name: 'waiting', colour: 'lag-colour', kind: 'area', now: stream.waiting ?? undefined, points: known(points(windows, ({ lag }) => lag.waiting, 0, length), from, to, 0, stream.waiting ?? 0) }],
      unit: count, least: 4, notes: stream.waiting > 0 && stream.oldest_seconds > 0 ? `the oldest for ${seconds(stream.oldest_seconds)}` : null,
    })),
    one('consumers', 'Consumers', (windows, from, to) => ({
      series: [{ name: 'consumers', colour: 'rows-colour', kind: 'step', now: stream.consumers, points: known(points(windows, ({ consumers }) => consumers), from, to, undefined, stream.consumers) }],
      unit: count, limit: { value: most, text: String(most) }, least: 4,
    })));
}

/** The rate of now, as on every other page. */
function nowOf({ meter }, { tenant, stream }, at) {
  const rate = meter.streamRates.get(`${tenant}/${stream}`);
  return rate ? lately(at, rate) : 0;
}

/** The limit of messages as a line, and that of bytes in words; and whose they are. */
function rateLimit({ limits, window }) {
  if (!limits) return {};
  const { messages_per_window: messages, bytes_per_window: size, window_seconds: length } = limits;
  const told = [isUnlimited(messages) ? null : `${count(messages)} in ${seconds(length)}`, isUnlimited(size) ? null : `${bytes(size)} in ${seconds(length)}`].filter(Boolean);
  if (told.length === 0) return {};
  const whose = window && !window.own ? ', all streams of the tenant together' : '';
  return isUnlimited(messages) ? { notes: `limit ${told[0]}${whose}` } : { limit: { value: messages / length, text: told[0] }, notes: [told[1] ? `or ${told[1]}` : '', whose].join('').replace(/^, /, '') || null };
}
