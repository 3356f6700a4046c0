// Rows from files and messages from streams: a chart each, since one may be a hundred times the other.

import { chart } from '../chart.js';
import { now } from '../clock.js';
import { ticking } from '../dom.js';
import { count } from '../format.js';
import { lately } from '../meter.js';

const SPAN = 600_000;
const perSecond = (rate) => `${count(rate)}/s`;

/** The last ten minutes. */
export function throughput(key, meter) {
  const one = (title, name, colour, rates) => ticking(() => {
    const at = now();
    const series = [{ name, colour, kind: 'area', points: rates.rates(at), now: lately(at, rates) }];
    return chart({ key: `${key} ${name}`, title, from: at - SPAN, to: at, series, unit: perSecond, least: 10 });
  });
  return [
    one('Rows from files', 'rows', 'rows-colour', meter.rows),
    one('Messages from streams', 'messages', 'messages-colour', meter.messages),
  ];
}
