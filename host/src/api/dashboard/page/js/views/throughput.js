// Rows from files and messages from streams: a chart each, since one may be a hundred times the other.

import { chart } from '../chart.js';
import { now } from '../clock.js';
import { count } from '../format.js';

const SPAN = 600_000;
const perSecond = (rate) => `${count(rate)}/s`;

/** The last ten minutes. */
export function throughput(key, meter) {
  const at = now();
  const one = (title, name, colour, rates) =>
    chart({ key: `${key} ${name}`, title, from: at - SPAN, to: at, series: [{ name, colour, kind: 'area', points: rates }], unit: perSecond, least: 10 });
  return [
    one('Rows from files', 'rows', 'rows-colour', meter.rows.rates(at)),
    one('Messages from streams', 'messages', 'messages-colour', meter.messages.rates(at)),
  ];
}
