// Amounts over time, in buckets of equal length: what charts of rates are drawn from. Pure.

export class Buckets {
  /** `length` buckets of `width` milliseconds. */
  constructor(width, length) {
    this.width = width;
    this.length = length;
    this.amounts = new Map();
  }

  /** Spreads an amount evenly from one time to another; one below zero takes back what was too much. */
  add(from, to, amount) {
    if (!amount) return;
    const first = Math.floor(from / this.width);
    const last = Math.max(first, Math.floor((to - 1) / this.width));
    for (let bucket = Math.max(first, last - this.length); bucket <= last; bucket += 1) {
      const begin = Math.max(from, bucket * this.width);
      const end = Math.min(to, (bucket + 1) * this.width);
      const share = to > from ? (end - begin) / (to - from) : 1;
      this.amounts.set(bucket, (this.amounts.get(bucket) ?? 0) + amount * share);
    }
  }

  /** Rates per second up to `now`: `[time in the middle of the bucket, rate]`, oldest first. The one that is not over yet is left out. */
  rates(now) {
    const last = Math.floor(now / this.width) - 1;
    for (const bucket of this.amounts.keys()) if (bucket <= last - this.length) this.amounts.delete(bucket);
    const rates = [];
    for (let bucket = last - this.length + 1; bucket <= last; bucket += 1) {
      rates.push([(bucket + 0.5) * this.width, (Math.max(0, this.amounts.get(bucket) ?? 0) * 1000) / this.width]);
    }
    return rates;
  }

  /** The rate per second of the last `buckets` that are over. */
  lately(now, buckets) {
    const rates = this.rates(now).slice(-buckets);
    return rates.reduce((sum, [, rate]) => sum + rate, 0) / Math.max(1, rates.length);
  }
}

/** Two lists of rates of the same times, added up: numbers alone. */
export const together = (one, other) => one.map(([, rate], index) => rate + other[index][1]);

/**
 * Windows of a stream as points: `[time, value]`. `least`: seconds that a window has at least. Where none was told, nothing
 * happened, and what the line does there is said by `gap`: a number, null (it is broken), or undefined (it goes on).
 */
export function points(windows, value, gap, least = 0) {
  const found = [];
  let before = null;
  for (const window of windows) {
    const at = Date.parse(window.closed_at);
    const length = Math.max(window.seconds, least) * 1000;
    if (gap !== undefined && before !== null && at - before > 2.2 * length) {
      found.push([before + length, gap], [at - length, gap]);
    }
    found.push([at, value(window)]);
    before = at;
  }
  return found;
}

/**
 * Points with what is known of the time in which nothing was told, but for a window of `least` seconds: before the first of them it
 * stood at `before` (undefined: nobody knows), and it has been at `now` since the last.
 */
export function filled(points, from, to, before, now, least) {
  const length = least * 1000;
  const first = points[0]?.[0] ?? to;
  const last = points.at(-1)?.[0] ?? from - length;
  const head = before !== undefined && points.length > 0 && first - from > 2.2 * length ? [[from, before], [first - length, before]] : [];
  const tail = to - last > 2.2 * length ? [[last + length, now], [to, now]] : [];
  return [...head, ...points, ...tail];
}

/**
 * What of a line lies between two times. Where it comes in from the left, it begins at the edge: on the way between two points,
 * or, of a `step`, as high as the one before.
 */
export function within(points, from, to, kind) {
  const inside = points.filter(([time]) => time >= from && time <= to);
  const first = points.findIndex(([time]) => time >= from);
  const before = first < 0 ? points.at(-1) : points[first - 1];
  const next = first < 0 ? undefined : points[first];
  if (!before || before[1] === null || before[0] >= from) return inside;
  if (kind === 'step') return [[from, before[1]], ...inside];
  if (!next || next[1] === null || next[0] === from) return inside;
  const part = (from - before[0]) / (next[0] - before[0]);
  const edge = before[1] + (next[1] - before[1]) * part;
  return next[0] > to ? [[from, edge], [to, before[1] + (next[1] - before[1]) * ((to - before[0]) / (next[0] - before[0]))]] : [[from, edge], ...inside];
}
