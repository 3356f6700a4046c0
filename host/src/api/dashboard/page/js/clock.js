// The server's time. Everything that is shown comes from there, and a phone's clock may differ.

let ahead = 0;

/** A `Date` header of the server was read. */
export function heardTheTime(header) {
  const told = header ? Date.parse(header) : NaN;
  // The header has whole seconds.
  if (Number.isFinite(told) && Math.abs(told - Date.now()) > 2000) ahead = told - Date.now();
}

/** Milliseconds since 1970, by the server's clock. */
export const now = () => Date.now() + ahead;
