// Numbers, sizes and times as people read them. Pure.

const trim = (number, digits) => number.toFixed(digits).replace(/\.0+$/, '');

/** 1234567 → "1.23 M"; whole numbers below ten thousand as they are. */
export function count(number) {
  const value = Number(number ?? 0);
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return '–';
  if (size < 9_999.5) return group(trim(value, Number.isInteger(value) || size >= 10 ? 0 : 1));
  for (const [unit, suffix] of [[1e12, ' T'], [1e9, ' G'], [1e6, ' M'], [1e3, ' k']]) {
    if (size >= unit) return trim(value / unit, size / unit < 10 ? 2 : size / unit < 100 ? 1 : 0) + suffix;
  }
  return String(value);
}

/** 1234567 → "1 234 567", with narrow spaces at which no line breaks. */
export const group = (number) => String(number).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');

/** Bytes, in units of 1000. */
export function bytes(number) {
  const value = Number(number ?? 0);
  if (value < 1000) return `${Math.round(value)} B`;
  for (const [unit, suffix] of [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']]) {
    if (value >= unit) return `${trim(value / unit, value / unit < 10 ? 2 : value / unit < 100 ? 1 : 0)} ${suffix}`;
  }
  return `${value} B`;
}

/** Seconds: "3.2 µs", "14 ms", "2.1 s", "3 min", "5 h", "2 d". */
export function seconds(number) {
  const value = Number(number ?? 0);
  if (value <= 0) return '0 s';
  if (value < 1e-3) return `${trim(value * 1e6, value < 1e-5 ? 1 : 0)} µs`;
  if (value < 1) return `${trim(value * 1e3, value < 1e-2 ? 1 : 0)} ms`;
  if (value < 60) return `${trim(value, value < 10 ? 1 : 0)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min`;
  if (value < 48 * 3600) return `${Math.floor(value / 3600)} h`;
  return `${Math.floor(value / 86400)} d`;
}

/** How long ago a time was. */
export function ago(time, now) {
  const past = (now - Date.parse(time)) / 1000;
  if (!Number.isFinite(past)) return '';
  return past < 2 ? 'now' : `${seconds(Math.floor(past))} ago`;
}

/** Time of day, and the day where it is another. */
export function clock(time, now) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '';
  const text = date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday ? text : `${date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })} ${text}`;
}

/** One word for one thing, another for several: "1 task", "3 tasks". */
export const many = (number, one, several = `${one}s`) => `${count(number)} ${Number(number) === 1 ? one : several}`;

/** A hash as sentences say it: its first digits. */
export const short = (hash) => String(hash ?? '').slice(0, 12);

/** What cannot be seen, or turns round what stands after it, as something that can be: controls as their pictures, the rest by number. */
export function visible(text) {
  return String(text ?? '')
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (found) => String.fromCharCode(0x2400 + found.charCodeAt(0)))
    .replace(/\u007f/g, '\u2421')
    .replace(/[\u0080-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g, (found) => `\u27e8U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`);
}
