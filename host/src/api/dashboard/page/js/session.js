// The token: typed once, kept for as long as this tab is open, sent with every request.

const KEPT = 'mysimbdp.token';

/** The token, or null. */
export const token = () => sessionStorage.getItem(KEPT);

/** Keeps it; null forgets it. */
export function keep(value) {
  if (value) sessionStorage.setItem(KEPT, value);
  else sessionStorage.removeItem(KEPT);
}

/** What a request says of who asks. */
export function headers(more = {}) {
  const held = token();
  return held ? { ...more, authorization: `Bearer ${held}` } : more;
}
