// Amounts over time, in buckets of equal length: what charts of rates are drawn from. Pure.

export class Buckets {
  /** `length` buckets of `width` milliseconds. */
  constructor(width, length) {
    this.width = width;
    this.length = length;
    this.amounts = new Map();
  }

  /** Spreads an amount evenly from one time to another. */
  add(from, to, amount) {
    if (!(amount > 0)) return;
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
      rates.push([(bucket + 0.5) * this.width, ((this.amounts.get(bucket) ?? 0) * 1000) / this.width]);
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
 * Windows of a stream as points: `[time, value]`. Where none was told, nothing happened, and what the line does there is said by
 * `gap`: 0, null (it is broken), or undefined (it goes on).
 */
export function points(windows, value, gap) {
  const found = [];
  let before = null;
  for (const window of windows) {
    const at = Date.parse(window.closed_at);
    const length = window.seconds * 1000;
    if (gap !== undefined && before !== null && at - before > 2.2 * length) {
      found.push([before + length, gap], [at - length, gap]);
    }
    found.push([at, value(window)]);
    before = at;
  }
  return found;
}
