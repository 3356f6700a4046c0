// The chart of rows from files and messages from streams.

import { chart } from '../chart.js';
import { now } from '../clock.js';
import { count } from '../format.js';

/** The last ten minutes. */
export function throughput(key, meter) {
  const at = now();
  const series = [
    { name: 'rows from files', colour: 'rows-colour', kind: 'area', points: meter.rows.rates(at) },
    { name: 'messages from streams', colour: 'messages-colour', kind: 'area', points: meter.messages.rates(at) },
  ];
  return chart({ key, title: 'Throughput', from: at - 600_000, to: at, series, unit: (rate) => `${count(rate)}/s`, tall: true, least: 1 });
}
