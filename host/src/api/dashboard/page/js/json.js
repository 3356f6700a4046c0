// JSON whose whole numbers may have 64 bits: those that JavaScript cannot hold exactly become text.

const STRING_OR_LONG = /"(?:[^"\\]|\\.)*"|-?\b\d{16,}\b(?![.eE])/g;

/** What a text says. */
export function parse(text) {
  return JSON.parse(text.replace(STRING_OR_LONG, (found) => (found[0] === '"' ? found : `"${found}"`)));
}

/** Whether a limit is none: the largest number of 64 bits. */
export const isUnlimited = (limit) => limit === null || limit === undefined || Number(limit) >= 2 ** 63;
