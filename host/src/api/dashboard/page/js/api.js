// Requests. What the server refuses comes as problem details, and is told in its own words.

import { parse } from './json.js';
import { headers } from './session.js';
import { heardTheTime } from './clock.js';

/** A request was not done. `message` is the server's sentence. */
export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `the server answered with status ${status}`);
    this.status = status;
    this.code = problem.code ?? '';
    this.request = problem.request_id ?? '';
  }
}

let onUnauthorized = () => {};

/** What is done when the server no longer knows the token. */
export function whenUnauthorized(action) {
  onUnauthorized = action;
}

/** What an answer that is no success says. */
export function problem(status, text) {
  let told = {};
  try {
    told = parse(text);
  } catch {
    told = { detail: text.slice(0, 300) };
  }
  if (status === 401) onUnauthorized();
  return new Problem(status, told ?? {});
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

/** Reads the whole of a list, page by page. */
export async function getAll(parts, query) {
  const all = [];
  let address = path(parts, { ...query, limit: 1000 });
  while (address) {
    const answer = await ask(address, { method: 'GET' });
    all.push(...parse(await answer.text()));
    address = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
  }
  return all;
}

/** Does something. */
export async function post(parts, body) {
  const options = { method: 'POST' };
  if (body !== undefined) Object.assign(options, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const answer = await ask(path(parts), options);
  const text = await answer.text();
  return text ? parse(text) : null;
}

/** Opens something that goes on: its body as it comes. */
export async function open(parts, query, signal) {
  const answer = await ask(path(parts, query), { method: 'GET', signal, headers: { accept: 'text/event-stream' } });
  return answer.body;
}
