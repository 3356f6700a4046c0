// The server's time. Everything that is shown comes from there, and a phone's clock may differ.

let ahead = 0;

/** A `Date` header of the server was read. */
export function heardTheTime(header) {
  const told = header ? Date.parse(header) : NaN;
  // The header has whole seconds.
  if (Number.isFinite(told) && Math.abs(told - Date.now()) > 2000) ahead = told - Date.now();
}

let stopped = null;

/** Time stands still on the page while nothing is heard: what is shown is of then. Null lets it go on. */
export function stopTime(at) {
  stopped = at;
}

/** Milliseconds since 1970, by the server's clock; while nothing is heard, when it last was. */
export const now = () => stopped ?? passing();

/** The same, whatever stands still. */
export const passing = () => Date.now() + ahead;
