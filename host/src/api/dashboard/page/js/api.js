// Requests. What the server refuses comes as problem details, and is told in its own words.

import { parse } from './json.js';
import { headers } from './session.js';
import { heardTheTime } from './clock.js';
import { answered, keyOf } from './once.js';

/** A request was not done. `message` is the server's sentence. */
export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `the server answered with status ${status}`);
    this.status = status;
    this.code = problem.code ?? '';
    this.request = problem.request_id ?? '';
  }
}

let onShut = () => {};

/** What is done when the server lets this token no further in: `action(problem)`, of status 401, or 403 where its tenant is suspended. */
export function whenShut(action) {
  onShut = action;
}

/** What an answer that is no success says. */
export function problem(status, text) {
  let told = {};
  try {
    told = parse(text);
  } catch {
    told = { detail: text.slice(0, 300) };
  }
  const found = new Problem(status, told ?? {});
  if (status === 401 || (status === 403 && found.code === 'tenant_suspended')) onShut(found);
  return found;
}

/** A path with a query; what is undefined, null or empty in it is left out. */
export function path(parts, query = {}) {
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false);
  const text = new URLSearchParams(asked.map(([name, value]) => [name, String(value)])).toString();
  return `/v1/${parts.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, { cache: 'no-store', credentials: 'omit', redirect: 'error', ...options, headers: headers(options.headers) });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, { detail: 'mysimbdp does not answer: is the host up, and this device online?' });
  }
  heardTheTime(answer.headers.get('date'));
  if (!answer.ok) throw problem(answer.status, await answer.text());
  return answer;
}

/** Reads something. */
export async function get(parts, query) {
  const answer = await ask(path(parts, query), { method: 'GET' });
  return parse(await answer.text());
}

/** Reads a page of a list: what is on it, and the address of the next one, or null. */
export async function getPage(address) {
  const answer = await ask(address, { method: 'GET' });
  const items = parse(await answer.text());
  return { items, next: /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? null };
}

/** Reads the whole of a list, page by page, until there are at least `most`. */
export async function getAll(parts, query, most = Infinity) {
  const all = [];
  let address = path(parts, { ...query, limit: 1000 });
  while (address && all.length < most) {
    const { items, next } = await getPage(address);
    all.push(...items);
    address = next;
  }
  return all;
}

/** Does something, once. */
export const post = (parts, body) => change('POST', parts, body);

/** Removes something, once. */
export const remove = (parts) => change('DELETE', parts);

async function change(method, parts, body) {
  const name = `${method} ${path(parts)} ${JSON.stringify(body)}`;
  const options = { method, headers: { 'idempotency-key': keyOf(name) } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers['content-type'] = 'application/json';
  }
  try {
    const answer = await ask(path(parts), options);
    const text = await answer.text();
    answered(name);
    return text ? parse(text) : null;
  } catch (error) {
    if (error.status > 0) answered(name);
    throw error;
  }
}

/** Opens something that goes on: its body as it comes. */
export async function open(parts, query, signal) {
  const answer = await ask(path(parts, query), { method: 'GET', signal, headers: { accept: 'text/event-stream' } });
  return answer.body;
}
