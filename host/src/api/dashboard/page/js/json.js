// JSON whose whole numbers may have 64 bits: those that JavaScript cannot hold exactly become text.

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const LONG = /^-?\d{16,}$/;

/** What a text says. */
export function parse(text) {
  return JSON.parse(text.replace(STRING_OR_NUMBER, (found) => (LONG.test(found) ? `"${found}"` : found)));
}

/** Whether a limit is none: the largest number of 64 bits. */
export const isUnlimited = (limit) => limit === null || limit === undefined || Number(limit) >= 2 ** 63;
